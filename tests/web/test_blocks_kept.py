"""A Prefect that is away for a moment takes nothing away from a web process that has read its blocks."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.execution.channels import TelegramBot
from countersign.execution.chats import Chats
from countersign.execution.services import Services
from countersign.web import services as web_services
from countersign.web.services import ServiceSource
from tests.execution.conftest import Office


def test_chats_stay_as_they_were_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    chats = Chats(telegram=TelegramBot(SecretStr("1:t"), "https://api.example"))
    away = ConfigurationError("Prefect cannot be asked")
    read: Iterator[Services] = iter(replace(office.services, chats=each) for each in (chats, away))

    async def opened() -> Services:
        return next(read)

    source = ServiceSource(opened)
    assert source._blocks().the_chats() == chats
    known = source._known
    monkeypatch.setattr(web_services, "BLOCKS_SECONDS", 0)
    source._blocks()
    ends = time.monotonic() + 60
    while source._known is known and time.monotonic() < ends:
        time.sleep(0.01)
    assert source._known is not known
    monkeypatch.undo()
    assert source._blocks().the_chats() == chats
