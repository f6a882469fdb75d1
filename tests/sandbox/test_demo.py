"""What the demonstration leaves behind in a state folder that is used again."""

import asyncio

import pytest
from sqlalchemy import Engine

from countersign.execution.channels import Channels
from countersign.settings import settings
from flows.wiring import open_services, records
from sandbox.demo.__main__ import ENVIRONMENT
from sandbox.demo.household import save_channel

pytestmark = pytest.mark.stack


def test_only_the_demonstration_itself_tells_its_mailbox(
    prefect_api: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def channels() -> object:
        settings.cache_clear()
        services = asyncio.run(open_services())
        services.engine.dispose()
        records.cache_clear()
        return services.channels

    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    asyncio.run(save_channel("json://127.0.0.1:1/"))
    assert channels() is None
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    told = channels()
    assert isinstance(told, Channels) and [one.name for one in told.channels] == ["demo"]
