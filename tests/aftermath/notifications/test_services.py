"""What arrives at services of each sort: Apprise's own code over real HTTP, sent to this machine."""

from collections.abc import Iterator
from typing import Any

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from pydantic import SecretStr

from countersign.aftermath.notifications import pagerduty
from countersign.aftermath.notifications.apprise_channel import prepare
from countersign.aftermath.notifications.markup import length
from countersign.aftermath.notifications.message import Message
from countersign.errors import DeliveryFailed, DeliveryRefused
from countersign.execution.channels import Channel, Format
from sandbox.hosts.ports import free_port
from tests.aftermath.notifications.receiver import Receiver, Reply

BOT = "123456789:" + "A" * 35
ADDRESSES = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "discord": f"discord://4174216298/{'d' * 40}",
    "telegram": f"tgram://{BOT}/12345",
    "pagerduty": f"pagerduty://{'i' * 32}@{'k' * 20}",
}
NASTY = Message(
    "Failed: <b>api</b> & @everyone",
    (
        ("Action", "kubectl set image deploy/a_b a=`x`:*1* <!channel> [l](http://x) 重啟"),
        ("Error", "<script>alert(1)</script> & <@U1> @here \\ ||x|| " + "y" * 6000),
    ),
)


@pytest.fixture(autouse=True)
def services(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the services' own addresses lead to this machine."""
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{receiver.address}/slack")
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://{receiver.address}/discord")
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://{receiver.address}/bot")
    monkeypatch.setitem(pagerduty.ADDRESSES, "us", f"http://{receiver.address}/enqueue")
    yield


def tell(kind: str, message: Message = NASTY, format: Format = Format.PLAIN, key: str = "k") -> None:
    prepare(Channel(kind, SecretStr(ADDRESSES[kind]), format=format), message, key=key, failed=True).send(20)


def only(receiver: Receiver) -> Any:
    [request] = receiver.received()
    return request.body


@pytest.mark.parametrize("format", list(Format))
def test_slack_gets_a_text_of_which_nothing_is_a_mention(receiver: Receiver, format: Format) -> None:
    receiver.answer("", Reply(body="ok"))
    tell("slack", format=format)
    header, section = only(receiver)["attachments"][0]["blocks"][:2]
    assert (header["type"], header["text"]["type"]) == ("header", "plain_text")
    assert section["text"]["type"] == ("plain_text" if format is Format.PLAIN else "mrkdwn")
    said = section["text"]["text"]
    assert length(said) <= 3000
    assert "<!" not in said and "<@" not in said
    if format is not Format.PLAIN:
        assert "*Action:*" in said and "&lt;" in said and "<" not in said


@pytest.mark.parametrize("format", list(Format))
def test_discord_gets_one_message_within_its_limit_that_pings_nobody(receiver: Receiver, format: Format) -> None:
    tell("discord", format=format)
    body = only(receiver)
    assert "👉" not in str(body)
    said = body["content"] if format is Format.PLAIN else body["embeds"][0]["description"]
    assert length(said) <= 2000
    assert "@everyone" not in said and "@here" not in said
    assert "Failed" in said and "重啟" in said
    if format is not Format.PLAIN:
        assert "**Action:**" in said and "\\`x\\`" in said


@pytest.mark.parametrize("format", list(Format))
def test_telegram_gets_html_whatever_the_format_because_only_that_can_be_escaped(
    receiver: Receiver, format: Format
) -> None:
    tell("telegram", format=format)
    body = only(receiver)
    assert body["parse_mode"] == "HTML"
    assert length(body["text"]) <= 4096
    assert body["text"].startswith("<b>Failed: &lt;")
    assert "<script>" not in body["text"] and "&lt;" in body["text"] and "&amp;lt;" not in body["text"]
    assert "@everyone" not in body["text"]


def test_pagerduty_tells_a_repeated_message_by_its_key(receiver: Receiver) -> None:
    tell("pagerduty", key="one")
    tell("pagerduty", key="one")
    first, second = (request.body for request in receiver.received("/enqueue"))
    assert first["dedup_key"] == second["dedup_key"] == "one"
    assert (first["event_action"], first["payload"]["severity"]) == ("trigger", "error")
    assert length(first["payload"]["summary"]) <= 1024
    assert first["routing_key"] == "i" * 32


@pytest.mark.parametrize(("name", "shown"), [("值班", "%E5%80%BC%E7%8F%AD"), ("two\nlines", "two%0Alines")])
def test_a_webhook_is_told_whatever_its_channel_is_called(receiver: Receiver, name: str, shown: str) -> None:
    channel = Channel(name, SecretStr(f"json://{receiver.address}/hook"))
    prepare(channel, NASTY, key=f"one/{name}", failed=True).send(20)
    [request] = receiver.received("/hook")
    assert request.headers["Idempotency-Key"] == f"one/{shown}"


@pytest.mark.parametrize("kind", ADDRESSES)
@pytest.mark.parametrize(
    ("reply", "error", "said", "wait"),
    [
        (Reply(401), DeliveryRefused, "answers 401", None),
        (Reply(403), DeliveryRefused, "answers 403", None),
        (Reply(404), DeliveryRefused, "answers 404", None),
        (Reply(400), DeliveryRefused, "does not take the message", None),
        (Reply(500), DeliveryFailed, "answers 500", None),
        (Reply(503, headers={"Retry-After": "7"}), DeliveryFailed, "answers 503", 7),
        (Reply(429, headers={"Retry-After": "7"}), DeliveryFailed, "too many messages", 7),
        (Reply(429, {"ok": False, "parameters": {"retry_after": 3}}), DeliveryFailed, "too many messages", 3),
        (Reply(429, {"retry_after": 0.5}), DeliveryFailed, "too many messages", 0.5),
    ],
)
def test_every_service_s_refusal_says_whether_and_when_another_attempt_may_help(
    receiver: Receiver, kind: str, reply: Reply, error: type[DeliveryFailed], said: str, wait: float | None
) -> None:
    receiver.always("", reply)
    with pytest.raises(DeliveryFailed, match=said) as caught:
        tell(kind)
    assert type(caught.value) is error
    assert caught.value.retry_after == wait


def test_a_service_that_is_not_there_is_said_to_be_out_of_reach_without_its_address() -> None:
    secret = "hunter2-secret"
    channel = Channel("gone", SecretStr(f"json://{secret}:{secret}@127.0.0.1:{free_port()}/{secret}"))
    with pytest.raises(DeliveryFailed, match="cannot be reached") as caught:
        prepare(channel, NASTY, key="k", failed=False).send(5)
    assert secret not in str(caught.value) and "127.0.0.1" not in str(caught.value)


def test_mail_that_no_server_takes_is_told_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2-secret"
    address = f"mailto://ops:{secret}@127.0.0.1:{free_port()}?from=a@example.com&to=b@example.com"
    with pytest.raises(DeliveryFailed) as caught:
        prepare(Channel("mail", SecretStr(address), format=Format.HTML), NASTY, key="k", failed=False).send(5)
    assert "not delivered" in caught.value.message
    assert secret not in caught.value.message + caplog.text
