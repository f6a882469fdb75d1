"""A receiver on this machine, and an office whose channels lead to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from countersign.execution.channels import Channel, Channels, TelegramBot
from tests.aftermath.notifications.receiver import Receiver
from tests.execution.conftest import Office

TOKEN = "1234567890:hunter2-must-never-be-shown"
"""The token of every address in these tests."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def webhook(receiver: Receiver) -> Callable[..., Channel]:
    """Return a channel called `name` whose messages come to the path /hook/`name`."""

    def channel(name: str, **fields: object) -> Channel:
        return Channel(name, SecretStr(f"json://bot:{TOKEN}@{receiver.address}/hook/{name}"), **fields)  # type: ignore[arg-type]

    return channel


@pytest.fixture
def bot(receiver: Receiver) -> TelegramBot:
    return TelegramBot(SecretStr(TOKEN), f"http://{receiver.address}", ("-100",))


def telling(office: Office, *channels: Channel, bot: TelegramBot | None = None, **settings: object) -> Office:
    """Return the office with these channels."""
    told = replace(office, services=replace(office.services, channels=Channels(channels=channels, bot=bot)))
    return told.with_settings(**settings)
