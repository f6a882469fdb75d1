"""Whoever can write to Redis names a chat of their own as the place of an alert's card, to read what became of it."""

import pytest
from pydantic import SecretStr
from redis import Redis

from countersign.execution.channels import Channel, Channels, TelegramBot
from tests.aftermath.following import execution_id_of
from tests.aftermath.notifications.conftest import TOKEN, bot, receiver, telling
from tests.aftermath.notifications.receiver import Receiver
from tests.aftermath.notifications.test_card import reply
from tests.execution.conftest import Office

__all__ = ["bot", "receiver"]
QUIET = "NO_ACTION: quiet"


@pytest.mark.all_rights
@pytest.mark.parametrize("planted", ["666:7", "@mallory:7", '{"chat_id": 666, "message_id": 7}', "-100/../666:7"])
def test_nothing_is_said_in_a_chat_that_is_not_configured(
    office: Office, receiver: Receiver, bot: TelegramBot, valkey_url: str, planted: str
) -> None:
    desk = telling(office, bot=bot, redis_url=SecretStr(valkey_url))
    with Redis.from_url(valkey_url) as redis:
        redis.set("tg_msg:INC-1", planted)
    step = reply(desk, execution_id_of(desk.perform(QUIET, incident_id="INC-1")))
    assert step.status == "skipped"
    assert receiver.received() == []


@pytest.mark.parametrize(
    ("chat", "allowed"),
    [("-100", True), ("@Ops", True), ("-200", True), ("@alerts", True), ("-300", False), ("100", False), ("", False)],
)
def test_cards_are_in_the_chats_of_the_block(chat: str, allowed: bool) -> None:
    configured = Channels(
        channels=(Channel("team", SecretStr("tgram://1:abc/-200/@alerts?format=html")),),
        bot=TelegramBot(SecretStr(TOKEN), chats=("-100", "@ops")),
    )
    assert configured.may_reply_in(chat) is allowed
