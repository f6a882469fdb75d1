"""The policy on its pages: proposed once one has seen what it changes, signed by passkey, in force by a quorum."""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from countersign.execution.plan_seal import make_seal
from countersign.policy.administrators import Administrators
from countersign.policy.keys import public_text
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import in_force, signatures_on, versions
from tests.execution.conftest import Office
from tests.policy.authenticator import Authenticator
from tests.policy.board import KEYS, Board, board
from tests.web.conftest import ROLES, House, house_of
from tests.web.pages.conftest import Reader, reader

SITE = "countersign.example"
CHALLENGE = re.compile(r'data-challenge="([^"]+)"')
HASH = re.compile(r'name="shown" value="([0-9a-f]{64})"')


@dataclass(frozen=True)
class Room:
    """The application over a policy on record that ann, with a passkey, and ben, with a key, sign together."""

    house: House
    board: Board
    device: Authenticator

    @property
    def ann(self) -> Reader:
        """An administrator."""
        return reader(self.house, "ann")

    def number_in_force(self) -> int | None:
        with transaction(self.house.services.engine) as session:
            mark = in_force(session)
        assert mark is not None
        return mark.number

    def credential(self, page: str) -> str:
        """Return what ann's passkey answers to a page."""
        found = CHALLENGE.search(page)
        assert found is not None
        return json.dumps(self.device.credential(found[1]))


@pytest.fixture
def room(office: Office, tmp_path: Path) -> Room:
    make_seal(tmp_path)
    device = Authenticator(SITE, f"https://{SITE}")
    listed = [
        {"name": "ann", "ed25519": public_text(KEYS["ann"].public_key())},
        {"name": "ann", "passkey": device.passkey.model_dump()},
        {"name": "ben", "ed25519": public_text(KEYS["ben"].public_key())},
    ]
    pinned = Administrators.model_validate({"quorum": 2, "administrators": listed})
    roles = (*ROLES, RoleGrant(roles=(Role.POLICY_ADMIN,), subjects=("mallory",)))
    house = house_of(office, roles=roles, trust_dir=tmp_path, url=f"https://{SITE}")
    found = board(house.services.engine, tmp_path).pin(pinned)
    found.put_in_force(office.household.policy, "ann", "ben")
    return Room(house, found, device)


def proposed(room: Room, document: str) -> int:
    """Propose a text as a person does, and return the version's number."""
    given = {"document": document, "reason": "more people"}
    shown = room.ann.send("/policy/propose", **given).text
    checked = re.search(r'name="checked" value="([^"]+)"', shown)
    assert checked is not None
    answer = room.ann.send("/policy/propose", **given, checked=checked[1])
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rsplit("/", 1)[-1])


def test_a_text_is_shown_as_what_it_changes_before_it_is_proposed(room: Room) -> None:
    text = html.unescape(room.ann.get("/policy/propose"))
    assert room.house.office.household.policy in text
    shown = room.ann.send("/policy/propose", document=f"# next\r\n{room.house.office.household.policy}", reason="r")
    assert "+# next" in shown.text
    with transaction(room.house.services.engine) as session:
        assert len(versions(session)) == 1
    number = proposed(room, f"# next\n{room.house.office.household.policy}")
    with transaction(room.house.services.engine) as session:
        row = versions(session)[0]
    assert (row.number, row.author, row.reason, row.activated_at) == (number, "ann", "more people", None)
    assert row.document.startswith("# next\n")


def test_what_was_shown_is_what_is_proposed(room: Room) -> None:
    policy = room.house.office.household.policy
    shown = room.ann.send("/policy/propose", document=policy + "# a\n", reason="r").text
    checked = re.search(r'name="checked" value="([^"]+)"', shown)
    assert checked is not None
    other = room.ann.send("/policy/propose", document=policy + "# b\n", reason="r", checked=checked[1])
    assert other.status_code == 412
    room.board.propose(policy + "# meanwhile\n")
    late = room.ann.send("/policy/propose", document=policy + "# a\n", reason="r", checked=checked[1])
    assert late.status_code == 412
    wrong = room.ann.send("/policy/propose", document="signers: 3\n", reason="r")
    assert wrong.status_code >= 400
    assert "signers" in wrong.text


def test_a_version_is_signed_by_passkey_and_put_in_force_by_its_quorum(room: Room) -> None:
    number = proposed(room, room.house.office.household.policy + "# next\n")
    page = room.ann.get(f"/policy/{number}")
    found = HASH.search(page)
    assert found is not None
    sent = {"shown": found[1], "credential": room.credential(page)}
    for _ in range(2):  # a browser that lost the answer sends it again
        assert room.ann.send(f"/policy/{number}/sign", **sent).status_code == 303
    with transaction(room.house.services.engine) as session:
        (signature,) = signatures_on(session, number)
    assert signature.administrator == "ann"
    assert signature.key_id.startswith("passkey:")
    assert "<b>ann</b>" in room.ann.get(f"/policy/{number}")
    confirmed = {"shown": found[1], "understood": "yes"}
    assert room.ann.send(f"/policy/{number}/activate", **confirmed).status_code == 409
    room.board.sign(number, "ben")
    assert room.ann.send(f"/policy/{number}/activate", shown=found[1]).status_code == 422
    for _ in range(2):
        assert room.ann.send(f"/policy/{number}/activate", **confirmed).status_code == 303
    assert room.number_in_force() == number
    # Whoever reads the policy believes it by the passkey's signature.
    assert room.board.source().read().administrators == ("ann", "ben")


def test_a_signature_that_would_not_count_is_refused(room: Room) -> None:
    number = proposed(room, room.house.office.household.policy + "# next\n")
    page = room.ann.get(f"/policy/{number}")
    found = HASH.search(page)
    assert found is not None
    mine, path = room.credential(page), f"/policy/{number}/sign"
    stranger = json.dumps(Authenticator(SITE, f"https://{SITE}").credential(CHALLENGE.search(page)[1]))
    assert room.ann.send(path, shown=found[1], credential=stranger).status_code == 422
    assert room.ann.send(path, shown="0" * 64, credential=mine).status_code == 412
    assert room.ann.send(path, shown=found[1], credential="{}").status_code == 422
    assert room.ann.send("/policy/1/sign", shown=found[1], credential=mine).status_code == 412
    mallory = reader(room.house, "mallory")
    assert mallory.send(path, shown=found[1], credential=mine).status_code == 422
    assert "data-challenge" not in mallory.get(f"/policy/{number}")
    victor = reader(room.house, "victor")
    for address in ("sign", "activate"):
        assert victor.send(f"/policy/{number}/{address}", shown=found[1], credential=mine).status_code == 403
    assert victor.send("/policy/propose", document="x", reason="r").status_code == 403
    victor.get("/policy/propose", status=403)
    with transaction(room.house.services.engine) as session:
        assert signatures_on(session, number) == []
