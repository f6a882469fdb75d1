"""Has a shell where the policy is administered: signs or activates versions with a key that is pinned for nobody."""

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, text

from countersign.errors import CountersignError, ForeignKey, NotApproved, SignatureRefused
from countersign.policy.administrators import Administrators
from countersign.policy.keys import public_text
from tests.cli.test_policy import ann, proposed, run
from tests.policy.board import KEYS, Board

__all__ = ["ann"]
TOLD = text("SELECT details ->> 'found' FROM audit_event WHERE event = 'policy:version:refused'")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("sign", "1", "--key", "ben.key", "--yes"), SignatureRefused),
        (("sign", "1", "--as", "ann", "--key", "ben.key", "--yes"), SignatureRefused),
        (("sign", "1", "--as", "ben", "--key", "ann.key", "--yes"), ForeignKey),
        (("sign", "1", "--as", "\u0430nn2", "--key", "ann.key", "--yes"), ForeignKey),
        (("activate", "1"), NotApproved),
    ],
)
def test_what_she_is_refused_is_told_of(
    ann: Board, engine: Engine, words: tuple[str, ...], error: type[CountersignError]
) -> None:
    assert proposed() == "1"
    with pytest.raises(error) as caught:
        run(*words)
    with engine.connect() as connection:
        assert connection.execute(TOLD).scalars().all() == [caught.value.message]


@pytest.mark.parametrize("name", ["ANN", "ann\u200b", "\uff41nn", "\u0430nn", "ann "])
def test_a_look_alike_of_an_administrator_is_no_second_one(ann: Board, name: str) -> None:
    """In the pinned file: two entries that look like one person are one, so no quorum of two comes of them."""
    with pytest.raises(ValidationError, match=r"the quorum is 2, and there are 1|mixes|control characters or spaces"):
        Administrators.model_validate(
            {
                "quorum": 2,
                "administrators": [
                    {"name": "ann", "ed25519": public_text(KEYS["ann"].public_key())},
                    {"name": name, "ed25519": public_text(KEYS["ben"].public_key())},
                ],
            }
        )
