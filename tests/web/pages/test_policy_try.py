"""What would happen to a request, asked of the policy in force and of a proposed one beside it."""

import html

from sqlmodel import select

from countersign.execution.filing import Request, file_at
from countersign.records.database.engine import transaction
from countersign.records.tables import Approval
from tests.web.conftest import House
from tests.web.pages.conftest import Reader, reader
from tests.web.pages.test_policy import Room, room

__all__ = ["room"]
RESTART = "kubectl rollout restart deployment/api -n prod"


def stricter(room: Room) -> int:
    """Propose a version that protects the namespace prod and wants three signatures; return its number."""
    document = room.house.office.household.policy
    assert "protected_namespaces" not in document and "minimum_signatures" not in document
    return room.board.propose(document + "protected_namespaces: [prod]\nminimum_signatures: {medium: 3}\n").number


def filed(house: House, action: str) -> Approval:
    with transaction(house.services.engine) as session:
        return file_at(session, house.services, Request(action=action, requested_by="alice")).approval


def count(house: House) -> int:
    with transaction(house.services.engine) as session:
        return len(session.exec(select(Approval)).all())


def asked(who: Reader, **fields: object) -> str:
    answer = who.send("/policy/try", **fields)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_an_action_that_nobody_filed_is_answered_by_both_policies_and_nothing_is_kept(room: Room) -> None:
    number, before = stricter(room), count(room.house)
    page = asked(room.ann, action=RESTART, requester="carol", against=number)
    now, _, then = page.partition(f"<h3>version {number}</h3>")
    assert "Once it is signed, it would run." in now
    assert "It would not run now." not in now
    assert "It would not run now." in then
    assert "protected_namespaces" in then
    assert "Signatures needed: 1." in now
    assert "Signatures needed: 3." in then
    assert count(room.house) == before
    # What is in force alone is not asked about the other.
    assert "It would not run now." not in asked(room.ann, action=RESTART, requester="carol")


def test_whoever_asks_is_not_among_those_who_can_sign(room: Room) -> None:
    signers = [each.name for each in room.house.services.policy.signers]
    page = asked(room.ann, action=RESTART, requester=signers[0])
    said = page.partition("Can still sign: ")[2].partition("</p>")[0] or "Nobody else can sign it."
    assert signers[0] not in said


def test_open_approvals_that_a_proposed_version_answers_otherwise_are_listed(room: Room) -> None:
    touched, untouched = filed(room.house, RESTART), filed(room.house, "NO_ACTION")
    number = room.board.propose(room.house.office.household.policy + "protected_namespaces: [prod]\n").number
    page = room.ann.get(f"/policy/try?against={number}")
    assert f"/policy/try?approval={touched.id}&amp;against={number}" in page
    assert str(untouched.id) not in page
    one = room.ann.get(f"/policy/try?approval={str(touched.id)[-8:]}&against={number}")
    assert one.count('class="answer ') == 2
    assert "It would not run now." in one
    assert "Once it is signed, it would run." in one
    same = room.board.propose(room.house.office.household.policy + "# only a comment\n").number
    assert str(touched.id) not in room.ann.get(f"/policy/try?against={same}")


def test_what_cannot_be_asked_is_said_on_the_page(room: Room) -> None:
    assert room.ann.send("/policy/try", action="please restart it").status_code == 422
    room.ann.get("/policy/try?approval=00000000", status=404)
    room.ann.get("/policy/try?against=99999999", status=404)
    assert "會怎麼處理" in room.ann.get("/policy/try", language="zh-TW")


def test_roles_decide_who_asks(room: Room) -> None:
    nobody = reader(room.house, "nobody")
    nobody.get("/policy/try", status=403)
    assert nobody.send("/policy/try", action=RESTART).status_code == 403
    assert room.ann.browser.client.post("/policy/try", data={"action": RESTART}).status_code == 403
