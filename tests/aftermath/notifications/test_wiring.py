"""From the block that a person saved to the services of a run."""

import asyncio

import pytest
from sqlalchemy import Engine

from blocks import NotificationChannels
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channels
from countersign.settings import settings
from flows.wiring import open_services, records

pytestmark = pytest.mark.stack
BLOCK = {"channels": [{"name": "on-call"}], "urls": {"on-call": "json://127.0.0.1:1/"}, "telegram_token": "1:a"}


@pytest.fixture
def channels_of(prefect_api: str, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Return a function from a block's name to what the services of a run make of it."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", engine.url.render_as_string(hide_password=False))

    def load(name: str) -> Channels | ConfigurationError | None:
        monkeypatch.setenv("COUNTERSIGN_CHANNELS_BLOCK", name)
        settings.cache_clear()
        services = asyncio.run(open_services())
        services.engine.dispose()
        return services.channels

    yield load
    records.cache_clear()


def test_a_run_knows_the_channels_of_the_block_and_the_address_of_its_page(channels_of) -> None:
    NotificationChannels.model_validate(BLOCK).save("filled-in")
    channels = channels_of("filled-in")
    assert [channel.name for channel in channels.channels] == ["on-call"]
    assert channels.bot is not None
    assert channels.page_of_run is None or channels.page_of_run("r").endswith("/runs/flow-run/r")


def test_without_a_block_nobody_is_told_and_nothing_is_wrong(channels_of) -> None:
    assert channels_of("never-saved") is None


def test_a_block_whose_prefect_block_is_missing_concerns_that_channel_alone(channels_of) -> None:
    fields = BLOCK | {"channels": [*BLOCK["channels"], {"name": "other", "prefect_block": "slack-webhook/gone"}]}
    NotificationChannels.model_validate(fields).save("half-right")
    good, other = channels_of("half-right").channels
    assert not isinstance(good.url, ConfigurationError)
    assert isinstance(other.url, ConfigurationError) and "does not exist" in other.url.message
