"""A request is shown in every chat, decided there, and followed there to its end."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

from countersign.audit.trail import row_of
from countersign.audit.verifier import made_for_clicks
from countersign.chat.buttons import seal_message
from countersign.chat.showing import look
from countersign.cli.signing import print_what_is_signed, signing_of
from countersign.execution.checks import verified_signatures
from countersign.policy.risk import RiskLevel
from countersign.policy.signatures import Decision
from countersign.records.audit_tree import chain_rows
from countersign.records.chat import left_clicks, messages
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus
from tests.attacks.conftest import audited
from tests.chat.rooms import ALICE, BOB, SERVICES, Rooms, each_service
from tests.web.test_approvals import signature


def unescaped(shown: str) -> str:
    for char in "\u200b\\*":
        shown = shown.replace(char, "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@each_service
def test_a_message_shows_what_the_sign_screen_shows(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file(description="it hangs\nsince noon", blast_radius={"affected_pods": 3})
    rooms.look()
    message = rooms.last(name)
    shown = unescaped(rooms.service(name).shown(message))
    console = Console(record=True, width=10_000, file=StringIO())
    print_what_is_signed(console, signing_of(rooms.approval(approval_id), signer="alice", decision=Decision.APPROVE))
    screen = console.export_text()
    lines = screen[screen.index("What is signed") : screen.index("The bytes that are signed")].split("\n")[1:-1]
    assert len(lines) > 10
    for line in lines:
        assert line.strip().replace("\\", "") in shown
    assert screen.split("\n")[-2].strip() in shown  # the hash
    assert "0 of 1" in shown and "alice, bob" in shown
    assert list(rooms.service(name).buttons(message)) == ["Approve", "Reject"]
    assert all(len(value) <= 64 for value in rooms.service(name).buttons(message).values())


@each_service
def test_a_click_is_a_signature_of_the_one_whom_the_policy_names(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file()
    rooms.look()
    message = rooms.last(name)
    assert rooms.approve(name, message, ALICE).status_code == 200
    (row,) = rooms.signatures(approval_id)
    assert (row.signer, row.decision, row.algorithm) == ("alice", "approve", "chat")
    assert row.key_id.startswith(f"chat:{name}:")
    assert set(json.loads(b64decode(row.value))) == {"click", "server", "signature"}
    assert rooms.approval(approval_id).status is ApprovalStatus.APPROVED
    verified = verified_signatures(rooms.house.services, rooms.approval(approval_id))
    assert verified.signers == ("alice",)
    assert "is on record, alice" in unescaped(rooms.told(name)[-1])
    assert audited(rooms.house.office, approval_id) == ["approval:request:filed", "approval:request:signed"]
    with transaction(rooms.house.services.engine) as session:
        proof = {"rows": [{"fields": row_of(each).fields} for each in chain_rows(session, str(approval_id))]}
    assert made_for_clicks(proof) == [f"row 2: the server signed for a click of alice ({row.key_id})"]
    # All three messages follow.
    assert rooms.look() == 3
    for each in SERVICES:
        assert "alice approved" in unescaped(rooms.service(each).shown(rooms.last(each)))
        assert rooms.service(each).buttons(rooms.last(each)) == {}
    assert rooms.look() == 0


@each_service
def test_a_rejection_has_its_reason(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file()
    rooms.look()
    last = {each: rooms.last(each) for each in SERVICES}
    assert rooms.reject(name, last[name], ALICE, "not <b>today</b>").status_code == 200
    (row,) = rooms.signatures(approval_id)
    assert (row.signer, row.decision, row.comment) == ("alice", "reject", "not <b>today</b>")
    assert rooms.approval(approval_id).status is ApprovalStatus.REJECTED
    rooms.look()
    for each in SERVICES:
        assert "rejected by alice: not <b>today</b>" in unescaped(rooms.service(each).shown(last[each]))
        assert rooms.service(each).buttons(last[each]) == {}


def test_a_rejection_without_a_reason_is_none(rooms: Rooms) -> None:
    approval_id = rooms.file()
    rooms.look()
    assert rooms.reject("slack", rooms.last("slack"), ALICE, " ").status_code == 200
    assert rooms.signatures(approval_id) == []
    assert "needs a reason" in rooms.told("slack")[-1]


@each_service
def test_a_click_that_is_told_again_does_nothing(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file()
    rooms.look()
    press = rooms.service(name).press(rooms.last(name), "Approve", ALICE[name])
    assert [rooms.send(name, press).status_code for _ in range(3)] == [200] * 3
    assert len(rooms.signatures(approval_id)) == 1
    assert len(rooms.told(name)) == 1
    assert audited(rooms.house.office, "chat") == []


@each_service
def test_the_progress_is_shown_in_place(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file(required_signatures=2)
    rooms.look()
    message = rooms.last(name)
    rooms.approve(name, message, ALICE)
    rooms.look()
    shown = unescaped(rooms.service(name).shown(message))
    assert "1 of 2" in shown and "alice approved" in shown
    assert list(rooms.service(name).buttons(message)) == ["Approve", "Reject"]
    rooms.approve(name, message, BOB)
    rooms.look()
    assert rooms.service(name).buttons(message) == {}
    assert rooms.approval(approval_id).status is ApprovalStatus.APPROVED
    assert rooms.last(name) == message


def test_a_click_counts_beside_a_signature_by_a_key(rooms: Rooms) -> None:
    approval_id = rooms.file(risk_level="medium", required_signatures=2)
    rooms.look()
    message = rooms.last("slack")
    assert "once 1 of the signers have signed with keys" in rooms.slack.shown(message)
    rooms.approve("slack", message, BOB)
    assert "beside 1 signatures by people's own keys, there are 0" in unescaped(rooms.told("slack")[-1])
    assert rooms.signatures(approval_id) == []
    alice = rooms.house.client("alice")
    made = signature(rooms.house, alice, approval_id, "alice")
    assert alice.post(f"/v1/approvals/{approval_id}/signatures", json=made).status_code == 201
    rooms.approve("slack", message, BOB)
    assert rooms.approval(approval_id).status is ApprovalStatus.APPROVED
    assert verified_signatures(rooms.house.services, rooms.approval(approval_id)).signers == ("alice", "bob")


@each_service
def test_where_a_click_does_not_approve_there_is_no_button_for_it(rooms: Rooms, name: str) -> None:
    message = rooms.shown(name, risk_level="high")
    assert list(rooms.service(name).buttons(message)) == ["Reject"]
    assert "does not approve at high risk" in rooms.service(name).shown(message)


@each_service
def test_buttons_go_when_it_is_withdrawn(rooms: Rooms, name: str) -> None:
    approval_id = rooms.file()
    rooms.look()
    message = rooms.last(name)
    press = rooms.service(name).press(message, "Approve", ALICE[name])
    assert rooms.carol.post(f"/v1/approvals/{approval_id}/cancel", json={}).status_code == 200
    # Somebody is faster than the change.
    assert rooms.send(name, press).status_code == 200
    assert "cancelled, it takes no more signatures" in unescaped(rooms.told(name)[-1])
    rooms.look()
    assert rooms.service(name).buttons(message) == {}
    assert "cancelled by carol" in unescaped(rooms.service(name).shown(message))


@pytest.mark.all_rights
@each_service
def test_buttons_go_when_the_message_is_too_old(rooms: Rooms, name: str) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    message = rooms.shown(name, expires_at=ahead)
    press = rooms.service(name).press(message, "Approve", ALICE[name])
    with transaction(rooms.house.services.engine) as session:
        row = next(each for each in messages(session) if each.service == name)
        assert row.expires_at.isoformat() == ahead
        # The only way to let time pass; the seal is made anew, as it would have been then.
        row.created_at, row.expires_at = row.created_at - timedelta(days=2), row.expires_at - timedelta(days=1)
        row.mac = seal_message(rooms.house.services.seal, row)
        session.add(row)
    assert rooms.send(name, press).status_code == 200
    assert "too old" in rooms.told(name)[-1]
    rooms.look()
    assert rooms.service(name).buttons(message) == {}
    assert "too old" in rooms.service(name).shown(message)


@each_service
def test_what_has_a_secret_or_no_room_has_no_buttons(rooms: Rooms, name: str) -> None:
    message = rooms.shown(name, description="password=hunter2-in-the-description")
    assert rooms.service(name).buttons(message) == {}
    shown = rooms.service(name).shown(message)
    assert "hunter2" not in shown and "A secret is masked" in shown
    message = rooms.shown(name, description="x_" * 1_990)
    assert rooms.service(name).buttons(message) == {}
    assert "no room here" in rooms.service(name).shown(message)


def test_a_click_whose_process_died_is_settled_by_the_next(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    approval_id = rooms.file()
    rooms.look()
    monkeypatch.setattr("countersign.web.api.chat.settle_and_say", lambda *_: None)
    press = rooms.slack.press(rooms.last("slack"), "Approve", ALICE["slack"])
    assert rooms.send("slack", press).status_code == 200
    assert rooms.signatures(approval_id) == []
    monkeypatch.setattr("countersign.chat.showing.LEFT_SECONDS", 0.0)
    rooms.look()
    assert [row.signer for row in rooms.signatures(approval_id)] == ["alice"]
    with transaction(rooms.house.services.engine) as session:
        assert left_clicks(session, seconds=0, limit=9) == []
    # Told again by Slack, it is known.
    assert rooms.send("slack", press).status_code == 200
    assert len(rooms.signatures(approval_id)) == 1


def test_a_click_that_waited_too_long_says_nothing_any_more(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    approval_id = rooms.file()
    rooms.look()
    monkeypatch.setattr("countersign.chat.settling.CLICK_LIFE", timedelta())
    rooms.approve("slack", rooms.last("slack"), ALICE)
    assert rooms.signatures(approval_id) == []
    assert "too old" in rooms.told("slack")[-1]


class Died(BaseException):
    pass


def test_whoever_dies_before_a_message_is_on_record_sends_it_again(rooms: Rooms) -> None:
    rooms.file()

    def die(place: str) -> None:
        if place == "chat.after":
            raise Died

    aside = text("""
        UPDATE chat_message SET next_try_at = clock_timestamp() + interval '1 h'
        WHERE id = (SELECT id FROM chat_message WHERE next_try_at IS NULL ORDER BY created_at LIMIT 1)
    """)
    for _ in SERVICES:
        with pytest.raises(Died):
            look(rooms.house.services, at=die)
        with rooms.house.services.engine.begin() as connection:
            connection.execute(aside)
    with rooms.house.services.engine.begin() as connection:
        connection.execute(text("UPDATE chat_message SET next_try_at = NULL"))
    rooms.look()
    # Discord knows the second by its nonce.
    assert [len(rooms.service(name).messages) for name in SERVICES] == [2, 1, 2]
    for name in ("slack", "telegram"):
        rooms.approve(name, next(iter(rooms.service(name).messages)), ALICE)
        assert "another message" in rooms.told(name)[-1]
    rooms.approve("discord", rooms.last("discord"), ALICE)
    assert "is on record, alice" in unescaped(rooms.told("discord")[-1])


def test_a_message_that_is_gone_is_let_go(rooms: Rooms) -> None:
    approval_id = rooms.file()
    rooms.look()
    for name in SERVICES:
        rooms.service(name).messages.clear()
    assert rooms.carol.post(f"/v1/approvals/{approval_id}/cancel", json={}).status_code == 200
    assert (rooms.look(), rooms.look()) == (3, 0)
    with transaction(rooms.house.services.engine) as session:
        assert messages(session) == []


def test_a_service_that_asks_for_a_moment_gets_it(rooms: Rooms) -> None:
    rooms.slack.refuse_next.append((429, {"ok": False, "error": "ratelimited"}, {"retry-after": "600"}))
    rooms.file()
    rooms.look()
    assert rooms.slack.messages == {} and len(rooms.telegram.messages) == 1
    with transaction(rooms.house.services.engine) as session:
        (row,) = [each for each in messages(session) if each.service == "slack"]
    assert row.next_try_at is not None and row.next_try_at - row.created_at > timedelta(minutes=9)
    assert "429" in row.error
    calls = len(rooms.slack.calls)
    rooms.look()
    assert len(rooms.slack.calls) == calls


def test_discord_hears_its_pong(rooms: Rooms) -> None:
    answer = rooms.send("discord", rooms.discord.ping())
    assert (answer.status_code, answer.json()) == (200, {"type": 1})


def test_an_answer_to_another_message_is_talk(rooms: Rooms) -> None:
    message = rooms.shown("telegram")
    assert rooms.send("telegram", rooms.telegram.reply(message, ALICE["telegram"], "why?")).status_code == 200
    assert rooms.send("telegram", rooms.telegram.update({"edited_message": {}})).status_code == 200
    assert rooms.told("telegram") == [] and audited(rooms.house.office, "chat") == []


def test_only_what_a_chat_is_for_is_shown_there(rooms: Rooms) -> None:
    services = rooms.house.services
    chats: Any = services.chats
    slack = replace(chats.chats[0], risks=frozenset({RiskLevel.HIGH}), language="zh-TW")
    rooms.file()
    look(replace(services, chats=replace(chats, chats=(slack,))))
    assert rooms.slack.messages == {}
    rooms.file(risk_level="high")
    look(replace(services, chats=replace(chats, chats=(slack,))))
    assert list(rooms.slack.buttons(rooms.last("slack"))) == ["拒絕"]
