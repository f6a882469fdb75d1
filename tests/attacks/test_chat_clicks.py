"""Clicks where it must not count: without an account, from elsewhere, on its own request, on what was changed."""

import base64
import os
from uuid import uuid4

import pytest

from countersign.chat.buttons import LONGEST, button_value, seal_click
from countersign.chat.settling import settle
from countersign.execution.plan_seal import Seal
from countersign.policy.roles import Role, RoleGrant
from countersign.records import chat
from countersign.records.database.engine import clock, transaction
from countersign.records.states import ChatChoice, ChatService
from countersign.records.tables import ChatClick, ChatMessage
from tests.attacks.chats import nothing_counts, rooms
from tests.attacks.conftest import Sql, as_owner, audited
from tests.chat.rooms import ALICE, BOB, CAROL, STRANGER, Rooms, each_service, rooms_of
from tests.execution.conftest import Office
from tests.web.conftest import ROLES, house_of

__all__ = ["as_owner", "rooms"]


def row_of(rooms: Rooms, name: str) -> ChatMessage:
    with transaction(rooms.house.services.engine) as session:
        return next(row for row in chat.messages(session) if row.service == name)


@each_service
def test_an_account_that_is_nobodys_signs_nothing(rooms: Rooms, name: str) -> None:
    message = rooms.shown(name)
    with nothing_counts(rooms, told=1):
        assert rooms.approve(name, message, STRANGER).status_code == 200
    assert "nobody's in the policy" in rooms.told(name)[-1]
    with nothing_counts(rooms, told=1):
        if name == "telegram":
            # Nobody is asked in the chat why they reject.
            rooms.send(name, rooms.telegram.press(message, "Reject", STRANGER[name]))
        else:
            rooms.reject(name, message, STRANGER, "because")
    assert rooms.last(name) == message


def test_the_same_id_in_another_workspace_is_another_account(rooms: Rooms) -> None:
    message = rooms.shown("slack")
    user = {"id": ALICE["slack"], "username": "alice", "team_id": "T0OTHER"}
    with nothing_counts(rooms, told=1):
        # A member of another workspace in a shared channel (Slack Connect).
        assert rooms.approve("slack", message, ALICE, user=user).status_code == 200
    assert "chat:slack:T0OTHER:U0ALICE" in rooms.told("slack")[-1].replace("\u200b", "")
    with nothing_counts(rooms, told=2):
        rooms.approve("slack", message, ALICE, team={"id": "T0OTHER"}, user=user)
        rooms.approve("discord", rooms.last("discord"), ALICE, guild_id="1")
    assert "another chat" in rooms.told("discord")[-1]


@each_service
def test_a_button_is_good_in_its_message_alone(rooms: Rooms, name: str) -> None:
    other, message = rooms.shown(name), rooms.shown(name)
    foreign = rooms.service(name).buttons(other)["Approve"]
    seal, row = rooms.house.services.seal, row_of(rooms, name)
    nobodys = row.model_copy(update={"id": uuid4()})
    raw = base64.urlsafe_b64decode(rooms.service(name).buttons(message)["Approve"])
    guesses = [
        foreign,
        base64.urlsafe_b64encode(raw[:17] + os.urandom(16)).decode(),
        base64.urlsafe_b64encode(raw[:17]).decode(),
        base64.urlsafe_b64encode(b"x" + raw[1:]).decode(),
        # Its own, for the other choice, and for what was shown otherwise.
        base64.urlsafe_b64encode(b"r" + raw[1:]).decode(),
        base64.urlsafe_b64encode(b"q" + raw[1:]).decode(),
        button_value(seal, row.model_copy(update={"approval_id": uuid4()}), ChatChoice.APPROVE),
        button_value(seal, row.model_copy(update={"content_hash": "0" * 64}), ChatChoice.APPROVE),
        button_value(seal, nobodys, ChatChoice.APPROVE),
        button_value(Seal(b"1" * 64), row, ChatChoice.APPROVE),
        row.content_hash[:LONGEST],
        "é",
        "approve",
    ]
    with nothing_counts(rooms, told=len(guesses)):
        for each in guesses:
            assert pressed(rooms, name, message, each) == 200
    # Where it is, it does.
    rooms.approve(name, message, ALICE)
    assert "is on record" in rooms.told(name)[-1]


def pressed(rooms: Rooms, name: str, message: object, value: str, **changes: object) -> int:
    match name:
        case "slack":
            action = {"type": "button", "action_id": "approve", "value": value}
            return rooms.approve(name, message, ALICE, actions=[action], **changes).status_code
        case "discord":
            return rooms.approve(name, message, ALICE, data={"custom_id": value, "component_type": 2}).status_code
    return rooms.approve(name, message, ALICE, data=value).status_code


def test_a_button_that_was_carried_to_another_chat_is_none(rooms: Rooms) -> None:
    message, own = rooms.shown("slack"), {"id": "C0OWN", "name": "own"}
    with nothing_counts(rooms, told=3):
        rooms.approve("slack", message, ALICE, channel=own)
        rooms.approve("discord", rooms.last("discord"), ALICE, channel_id="4711")
        there = {"message_id": rooms.last("telegram"), "chat": {"id": 77, "type": "private"}}
        rooms.approve("telegram", rooms.last("telegram"), ALICE, message=there)
    for name in ("slack", "discord", "telegram"):
        assert "another chat" in rooms.told(name)[-1]


@pytest.mark.all_rights
@each_service
def test_what_was_changed_since_it_was_shown_is_not_signed(rooms: Rooms, name: str) -> None:
    message = rooms.shown(name)
    with transaction(rooms.house.services.engine) as session:
        session.connection().exec_driver_sql("SET LOCAL session_replication_role = replica")
        session.connection().exec_driver_sql("UPDATE approval SET action = replace(action, 'api', 'web')")
    with nothing_counts(rooms, told=1):
        assert rooms.approve(name, message, ALICE).status_code == 200
    assert "not what was shown" in rooms.told(name)[-1]


@each_service
def test_whoever_made_the_request_does_not_approve_it_from_the_chat(rooms: Rooms, name: str) -> None:
    # carol has an account and no role to decide; alice has both.
    message = rooms.shown(name)
    with nothing_counts(rooms, told=1):
        rooms.approve(name, message, CAROL)
    assert "carol has no role approver" in rooms.told(name)[-1]


def test_an_approver_does_not_approve_their_own_request_from_the_chat(office: Office) -> None:
    with rooms_of(office) as rooms:
        both = RoleGrant(roles=(Role.REQUESTER,), subjects=("alice",))
        own = house_of(rooms.house.office, (*ROLES, both))
        asked = {"action": "kubectl rollout restart deployment/api -n prod", "risk_level": "low"}
        filed = own.client("alice").post("/v1/approvals", json=asked)
        assert filed.status_code == 201
        rooms.look()
        with nothing_counts(rooms, told=1):
            rooms.approve("slack", rooms.last("slack"), ALICE)
        assert "four_eyes is on" in rooms.told("slack")[-1].replace("\u200b", "")
        approval_id = filed.json()["approval"]["id"]
        assert audited(rooms.house.office, approval_id)[-1] == "approval:signature:refused"
        own.app.state.changes.close()


def test_a_question_for_a_reason_is_answered_by_the_one_who_was_asked(rooms: Rooms) -> None:
    message = rooms.shown("telegram")
    rooms.send("telegram", rooms.telegram.press(message, "Reject", ALICE["telegram"]))
    question = rooms.last("telegram")
    with nothing_counts(rooms, told=1):
        rooms.send("telegram", rooms.telegram.reply(question, BOB["telegram"], "because"))
    with nothing_counts(rooms, told=0):
        # In the group's name it is nobody, and a reply to another message is talk.
        group = {"id": rooms.telegram.chat}
        rooms.send("telegram", rooms.telegram.reply(question, ALICE["telegram"], "because", sender_chat=group))
        rooms.send("telegram", rooms.telegram.reply(message, ALICE["telegram"], "because"))
    rooms.send("telegram", rooms.telegram.reply(question, ALICE["telegram"], "because"))
    with nothing_counts(rooms, told=1):
        rooms.send("telegram", rooms.telegram.reply(question, ALICE["telegram"], "once more"))


@each_service
def test_markup_and_mentions_of_a_request_are_shown_as_they_are(rooms: Rooms, name: str) -> None:
    hostile = "<!channel> @everyone *bold* <https://evil.example|Approve> <b>x</b> [a](https://evil.example) `c` ~s~"
    message = rooms.shown(name, description=hostile)
    shown = rooms.service(name).shown(message)
    assert "@everyone" not in shown and "<!channel>" not in shown
    match name:
        case "slack":
            assert "<https://evil" not in shown and "*bold*" not in shown and "`c`" not in shown
            sections = [each["text"] for each in rooms.slack.messages[message]["blocks"] if each["type"] == "section"]
            assert all(each["verbatim"] for each in sections)
        case "discord":
            assert "[a](" not in shown and "*bold*" not in shown.replace("\\*", "")
            assert rooms.discord.messages[message]["allowed_mentions"] == {"parse": []}
        case "telegram":
            found = rooms.telegram.texts[message]
            assert found.links == [link for link in found.links if link.startswith("https://countersign.example/")]
            assert not any(each == "x" for each in found.bold)


def test_a_click_that_was_written_into_the_database_signs_nothing(rooms: Rooms) -> None:
    rooms.shown("slack")
    services, row = rooms.house.services, row_of(rooms, "slack")
    with transaction(services.engine) as session:
        click = ChatClick(
            service=ChatService.SLACK,
            click_id="planted",
            message_id=row.id,
            workspace=rooms.slack.team,
            account=ALICE["slack"],
            choice=ChatChoice.APPROVE,
            received_at=clock(session),
            mac="0" * 64,
        )
        assert chat.take_click(session, click)
        # Whoever knows a MAC of another click has none of this one.
        other = click.model_copy(update={"click_id": "copied", "mac": seal_click(services.seal, click)})
        assert chat.take_click(session, other)
    for name in ("planted", "copied"):
        with nothing_counts(rooms, told=1):
            assert settle(services, ChatService.SLACK, name) is not None
    assert audited(rooms.house.office, "tampering") == ["tampering:chat:refused"] * 2


@pytest.mark.all_rights
def test_a_message_that_was_changed_in_the_database_is_taken_nothing_from(rooms: Rooms, as_owner: Sql) -> None:
    message = rooms.shown("slack")
    other = rooms.file(action="kubectl delete pod web-1 -n prod", risk_level="medium")
    row = row_of(rooms, "slack")
    with nothing_counts(rooms, told=0):
        for column, value in (
            ("approval_id", other),
            ("expires_at", "2040-01-01"),
            ("chat", "C0OWN"),
            ("message", "1"),
        ):
            before = getattr(row, column)
            as_owner(f"UPDATE chat_message SET {column} = :value WHERE id = :id", value=value, id=row.id)
            rooms.approve("slack", message, ALICE)
            as_owner(f"UPDATE chat_message SET {column} = :value WHERE id = :id", value=before, id=row.id)
    assert "not as Countersign made it" in rooms.told("slack")[-1]
    assert audited(rooms.house.office, "tampering") == ["tampering:chat:refused"] * 4


def test_nobody_brings_a_servers_signature_through_the_api(rooms: Rooms) -> None:
    approval_id, alice = rooms.file(), rooms.house.client("alice")
    made = {"decision": "approve", "signer": "alice", "algorithm": "chat", "key_id": "chat:telegram:77"}
    with nothing_counts(rooms, told=0):
        answer = alice.post(
            f"/v1/approvals/{approval_id}/signatures", json={**made, "value": "e30=", "hash": "0" * 64}
        )
        assert answer.status_code == 422
