"""The pinned file is the root of what is believed, so whatever is ambiguous in it is refused."""

import pytest

from countersign.errors import ConfigurationError
from countersign.policy.administrators import administrators_text, load_administrators
from countersign.policy.keys import public_text
from tests.policy.authenticator import Authenticator
from tests.policy.board import KEYS, pinned

ANN, BEN = (public_text(key.public_key()) for key in KEYS.values())
PASSKEY = Authenticator().passkey.key


def listed(*entries: tuple[str, str], quorum: object = 1) -> str:
    lines = "".join(f"  - name: {name}\n    ed25519: {key}\n" for name, key in entries)
    return f"quorum: {quorum}\nadministrators:\n{lines}"


def test_what_is_written_is_read_again() -> None:
    given = pinned("ann", "ben", quorum=2)
    assert load_administrators(administrators_text(given), source="file") == given


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file is not a mapping"),
        ("quorum: 1\nadministrators: []\n", "administrators: "),
        (listed(("ann", ANN), quorum=0), "file, line 1: quorum"),
        (listed(("ann", ANN), quorum="'1'"), "file, line 1: quorum"),
        (listed(("ann", ANN), ("ben", BEN), quorum=3), "the quorum is 3, and there are 2 administrators"),
        (listed(("ann", ANN), ("ben", ANN)), "'ann' and 'ben' have the same key"),
        ("administrators:\n  - name: ann\n", "administrator 'ann' needs exactly one key"),
        (listed(("ann", ANN)) + f"    passkey: {{site: a.example, key: {PASSKEY}}}\n", "needs exactly one key"),
        (listed(("ann", "AAAA")), "this key is 3 bytes long"),
        (listed(("аnn", ANN)), "mixes Cyrillic and Latin letters"),
        (listed(('"an\\u200bn"', ANN)), "administrators.0.name: has control characters"),
        (listed(("ben", ANN), ("ｂen", BEN), quorum=2), "mixes Fullwidth and Latin letters"),
        (listed(("ann", ANN)) + "quorm: 1\n", "file, line 5: quorm"),
        (listed(("ann", ANN)) + "quorum: 1\n", "'quorum' is given twice"),
    ],
    # The passkey is another one in each process.
    ids=lambda given: given.replace(PASSKEY, "PASSKEY"),
)
def test_what_is_ambiguous_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_administrators(text, source="file")
    assert said in caught.value.message


def test_one_person_with_two_keys_is_one_person() -> None:
    with pytest.raises(ConfigurationError, match="the quorum is 2, and there are 1 administrators"):
        load_administrators(listed(("ann", ANN), ("Ann", BEN), quorum=2), source="file")
