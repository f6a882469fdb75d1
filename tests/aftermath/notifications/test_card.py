"""The alert card's reply, over HTTP that answers as Telegram's Bot API does."""

import json
import logging
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

from countersign.aftermath.notifications.cards import CardMessage, read_card
from countersign.aftermath.notifications.trial import try_bot
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channel, Channels, TelegramBot
from countersign.records.database.engine import transaction
from countersign.records.deliveries import begin_delivery, deliveries_of, record_sent
from countersign.records.ledger import steps_of
from countersign.records.states import StepName
from countersign.records.tables import LedgerStep
from sandbox.hosts.ports import free_port
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.notifications.conftest import TOKEN, telling
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.execution.conftest import Office

# Its step alone is run, whatever it would wait for: only the tables' owner can say so.
pytestmark = pytest.mark.all_rights
QUIET = "NO_ACTION: quiet"
EDIT, SEND = "/editMessageReplyMarkup", "/sendMessage"


@pytest.fixture
def desk(office: Office, bot: TelegramBot, valkey_url: str) -> Office:
    """An office with the bot, and the card of INC-1 as message 7 of the group -100."""
    with Redis.from_url(valkey_url) as redis:
        redis.set("tg_msg:INC-1", "-100:7")
    return telling(office, bot=bot, redis_url=SecretStr(valkey_url))


def reply(office: Office, execution_id: UUID) -> LedgerStep:
    """Run the step now, with nothing left that it waits for."""
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE ledger_step SET after = '{}' WHERE name = 'reply_on_card'"))
        session.execute(text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'pending'"))
    return run_one(office, execution_id, StepName.REPLY_ON_CARD)


def sent_at(office: Office, execution_id: UUID) -> list[object]:
    with transaction(office.services.engine) as session:
        return [(row.channel, row.status.value) for row in deliveries_of(session, execution_id)]


def test_the_card_loses_its_buttons_and_gets_one_reply(desk: Office, receiver: Receiver) -> None:
    execution_id = execution_id_of(
        desk.perform("kubectl rollout restart deployment/api -n prod", incident_id="INC-1")
    )
    step = reply(desk, execution_id)
    assert (step.status, step.error) == ("done", None)
    [edit], [message] = receiver.received(EDIT), receiver.received(SEND)
    assert edit.path == f"/bot{TOKEN}{EDIT}"
    assert edit.body == {"chat_id": "-100", "message_id": 7, "reply_markup": {"inline_keyboard": []}}
    assert message.body["reply_parameters"] == {"message_id": 7, "allow_sending_without_reply": True}
    said = message.body["text"]
    assert said.startswith("<b>Done</b>")
    assert "Command: <code>kubectl rollout restart deployment/api -n prod</code>" in said
    assert sent_at(desk, execution_id) == [("card", "sent")]


def test_a_failure_is_told_with_its_error_and_long_texts_lose_their_middles(desk: Office, receiver: Receiver) -> None:
    action = f"kubectl rollout restart deployment/<b>{'x' * 300} -n prod"
    reply(desk, execution_id_of(desk.perform(action, incident_id="INC-1")))
    [message] = receiver.received(SEND)
    outcome, error, command, *_ = message.body["text"].split("\n")
    assert outcome.startswith("<b>") and "Done" not in outcome
    assert 0 < len(error) <= 150 * len("&quot;")
    shown = command.removeprefix("Command: <code>").removesuffix("</code>")
    assert "…" in shown and len(shown.replace("&lt;", "<").replace("&gt;", ">").replace("\u200b", "")) == 180


def test_the_knowledge_that_this_execution_added_is_named(desk: Office, receiver: Receiver) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    with transaction(desk.services.engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(
            text(
                "UPDATE ledger_step SET status = 'done', ended_at = clock_timestamp(), "
                "result = '{\"title\": \"[auto] <High> CPU\"}' WHERE name = 'deposit_knowledge'"
            )
        )
    reply(desk, execution_id)
    [message] = receiver.received(SEND)
    assert "Knowledge added: [auto] &lt;\u200bHigh&gt; CPU" in message.body["text"]


@pytest.mark.parametrize(
    "said", ["message is not modified: …", "message to edit not found", "message can't be edited"]
)
def test_buttons_that_are_gone_are_no_error(desk: Office, receiver: Receiver, said: str) -> None:
    receiver.answer(EDIT, Reply(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {said}"}))
    assert reply(desk, execution_id_of(desk.perform(QUIET, incident_id="INC-1"))).status == "done"
    assert len(receiver.received(SEND)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, {"ok": False, "error_code": 400, "description": "Bad Request: not enough rights to edit"}),
        Reply(403, {"ok": False, "error_code": 403, "description": "Forbidden: bot can't edit messages here"}),
        Reply(500, "oops"),
        Reply(200, {"ok": False}),
        Reply(429, {"ok": False, "parameters": {"retry_after": 600}}),
    ],
)
def test_a_card_gets_its_reply_where_its_buttons_cannot_be_removed(
    desk: Office, receiver: Receiver, answer: Reply
) -> None:
    receiver.answer(EDIT, answer)
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    step = reply(desk, execution_id)
    assert (step.status, step.error) == ("done", None)
    assert len(receiver.received(SEND)) == 1
    assert "buttons could not be removed" in (step.result or {})["summary"]
    assert TOKEN not in (step.result or {})["summary"]
    assert sent_at(desk, execution_id) == [("card", "sent")]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            {"playbook": "latency", "status": "draft", "created": True, "how": "made"},
            "Playbook: latency (draft), made of this run",
        ),
        (
            {"playbook": "latency", "status": "approved", "created": False, "how": "merged"},
            "Playbook: latency (approved), a new version of it by this run",
        ),
        ({"playbook": "latency", "status": "approved", "created": False, "how": "counted"}, None),
        ({"playbook_id": None, "status": None, "created": False}, None),
    ],
)
def test_what_this_execution_added_to_playbooks_is_said(
    desk: Office, receiver: Receiver, result: dict[str, object], said: str | None
) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    with transaction(desk.services.engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(
            text(
                "UPDATE ledger_step SET status = 'done', ended_at = clock_timestamp(), "
                "result = CAST(:result AS jsonb) WHERE name = 'extract_playbook'"
            ),
            {"result": json.dumps(result)},
        )
    reply(desk, execution_id)
    [message] = receiver.received(SEND)
    lines = [line for line in message.body["text"].split("\n") if line.startswith("Playbook")]
    assert lines == ([] if said is None else [said])


def test_the_reply_waits_for_what_it_tells(desk: Office) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    with transaction(desk.services.engine) as session:
        steps = {step.name: step for step in steps_of(session, execution_id)}
    assert {"deposit_knowledge", "extract_playbook"} <= set(steps[StepName.REPLY_ON_CARD].after)


@pytest.mark.parametrize(
    ("channels", "bot_chat", "chat"),
    [
        ((), "-100", "-100"),
        (("tgram://1:abc/-200",), "-100", "-100"),
        (("tgram://1:abc/-200/?format=html", "json://x/y"), None, "-200"),
        (("tgram://1:abc/@alerts/",), None, "@alerts"),
        (("tgram://1:abc/-200", "tgram://1:abc/-300"), None, None),
        (("tgram://1:abc/-200/-300",), None, None),
        ((), "@alerts", "@alerts"),
        (("slack://a/b/c",), None, None),
        ((), None, None),
    ],
)
def test_a_plain_number_is_a_message_of_the_configured_chat(
    channels: tuple[str, ...], bot_chat: str | None, chat: str | None
) -> None:
    configured = Channels(
        channels=tuple(Channel(f"c{number}", SecretStr(url)) for number, url in enumerate(channels)),
        bot=TelegramBot(SecretStr(TOKEN), chats=(bot_chat,) if bot_chat else ()),
    )
    assert configured.card_chat == chat
    assert read_card("42", chat=configured.card_chat) == (CardMessage(chat, 42) if chat else None)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (QUIET, {"description": "as asked for INC-1, again"}),
        (f"{QUIET} (INC-1)", {}),
        (QUIET, {"requested_by": "on-call for INC-1"}),
    ],
)
def test_an_incident_that_only_the_text_names_has_its_card_replied_on(
    desk: Office, receiver: Receiver, action: str, fields: dict[str, object]
) -> None:
    assert reply(desk, execution_id_of(desk.perform(action, **fields))).status == "done"
    assert len(receiver.received(SEND)) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(403, {"ok": False, "description": "Forbidden: bot was kicked"}), "bot was kicked"),
        (Reply(401, {"ok": False, "description": f"Unauthorized {TOKEN}"}), "token or its address is wrong"),
        (Reply(500, "oops"), "answers 500"),
        (Reply(200, {"ok": False}), "did not confirm"),
        (Reply(429, {"ok": False, "parameters": {"retry_after": 600}}), "too many messages"),
    ],
)
def test_a_refused_reply_is_tried_again_and_its_reason_is_told_without_the_token(
    desk: Office, receiver: Receiver, answer: Reply, said: str
) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    receiver.answer(SEND, answer)
    step = reply(desk, execution_id)
    assert step.status == "pending"
    assert said in (step.error or "") and TOKEN not in (step.error or "")
    with transaction(desk.services.engine) as session:
        session.execute(text("UPDATE delivery SET not_before = NULL"))
    assert reply(desk, execution_id).status == "done"
    assert sent_at(desk, execution_id) == [("card", "sent")]


def test_a_moment_that_telegram_asks_for_is_given(desk: Office, receiver: Receiver) -> None:
    receiver.answer(SEND, Reply(429, {"ok": False, "parameters": {"retry_after": 0}}))
    step = reply(desk, execution_id_of(desk.perform(QUIET, incident_id="INC-1")))
    assert (step.status, step.attempts) == ("done", 1)
    assert len(receiver.received(SEND)) == 2


def test_a_reply_that_is_on_record_is_not_sent_again(desk: Office, receiver: Receiver) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    with transaction(desk.services.engine) as session:
        begin_delivery(session, execution_id, "card", fence=0)
        record_sent(session, execution_id, "card")
    assert reply(desk, execution_id).status == "done"
    assert receiver.received(SEND) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no incident is named"),
        ({"incident_id": "INC-2"}, "no card is known for incident INC-2"),
        ({"incident_id": "INC-1", "requested_by": "auto_approver"}, "approved automatically"),
    ],
)
def test_where_there_is_nobody_to_reply_to_the_step_is_skipped(
    desk: Office, receiver: Receiver, fields: dict[str, object], reason: str
) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, risk="low", **fields))
    step = reply(desk, execution_id)
    assert step.status == "skipped"
    assert reason in (step.reason or "")
    assert receiver.received() == []


@pytest.mark.parametrize("api", ["http://127.0.0.1:99999", "http://127.0.0.1:abc", "http://", "http://x..y"])
def test_an_address_of_the_bot_that_cannot_be_right_is_named(
    desk: Office, receiver: Receiver, api: str, valkey_url: str
) -> None:
    desk = telling(desk, bot=TelegramBot(SecretStr(TOKEN), api, ("-100",)), redis_url=SecretStr(valkey_url))
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    assert (reply(desk, execution_id).error or "").startswith("configuration: telegram_api ")
    with pytest.raises(ConfigurationError, match="telegram_api"):
        try_bot(TelegramBot(SecretStr(TOKEN), api))


@pytest.mark.parametrize("without", ["bot", "redis", "switch"])
def test_without_bot_or_redis_or_switched_off_the_step_is_skipped(desk: Office, without: str) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    office = {
        "bot": replace(desk, services=replace(desk.services, channels=None)),
        "redis": desk.with_settings(redis_url=None),
        "switch": desk.with_settings(notify=False),
    }[without]
    assert reply(office, execution_id).status == "skipped"


def test_a_redis_that_is_away_is_tried_again(desk: Office, valkey_url: str) -> None:
    execution_id = execution_id_of(desk.perform(QUIET, incident_id="INC-1"))
    away = desk.with_settings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))
    step = reply(away, execution_id)
    assert step.status == "pending" and "memory_unavailable" in (step.error or "")
    assert reply(desk, execution_id).status == "done"


def test_no_log_shows_the_token(desk: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        reply(desk, execution_id_of(desk.perform(QUIET, incident_id="INC-1")))
    assert len(receiver.received(SEND)) == 1
    assert TOKEN not in caplog.text and TOKEN.partition(":")[2] not in caplog.text


@pytest.mark.parametrize(
    ("kept", "card"),
    [
        ("123:7", CardMessage("123", 7)),
        ("-100123:7", CardMessage("-100123", 7)),
        ("@alerts:7", CardMessage("@alerts", 7)),
        ('{"chat_id": -100, "message_id": 7}', CardMessage("-100", 7)),
        ('{"message_id": "7"}', CardMessage("55", 7)),
        ("7", CardMessage("55", 7)),
        ("", None),
        ("a:b", None),
        ("123:-7", None),
        ("{", None),
        ('{"chat_id": {}, "message_id": 7}', None),
    ],
)
def test_a_card_s_id_is_read_in_each_of_its_forms(kept: str, card: CardMessage | None) -> None:
    assert read_card(kept, chat="55") == card


@settings(deadline=None)
@given(st.text() | st.from_regex(r"\{.*\}", fullmatch=True))
def test_whatever_is_kept_as_an_id_is_read_or_refused(kept: str) -> None:
    card = read_card(kept, chat=None)
    assert card is None or (card.chat and card.message >= 0)
