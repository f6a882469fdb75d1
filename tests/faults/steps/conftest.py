"""Grounds with an incident, its card, a channel and a bot, all on this machine."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from countersign.execution.channels import ROLLED_BACK, Channel, Channels, TelegramBot
from countersign.records.outcomes import Outcome
from sandbox.cluster import SandboxCluster
from sandbox.cluster.identity import Identity
from sandbox.demo.household import Household
from sandbox.hosts.host import SandboxHost
from tests.aftermath.notifications.conftest import receiver
from tests.aftermath.notifications.receiver import Receiver
from tests.faults.ground import ClusterGround, Ground, HostGround
from tests.faults.steps.cells import Cell, representative, whole_matrix
from tests.faults.steps.harness import HOOK, Desk

__all__ = ["receiver"]  # a fixture

SETTINGS = {
    # A verification looks once and is over.
    "verify_warm_up_seconds": 0,
    "verify_collect_seconds": 0,
    "verify_limit_seconds": 30,
    "step_retry_seconds": 0.01,
}
TOKEN = "1234567890:not-a-token"
OUTCOMES = frozenset({ROLLED_BACK, *(outcome.value for outcome in Outcome)})
"""That nothing was to do is told too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lost" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole-matrix", default=False)
        cells = list(whole_matrix() if whole else representative())
        metafunc.parametrize("lost", cells, ids=[cell.name for cell in cells])


@pytest.fixture
def desk(
    lost: Cell, database_url: str, household: Household, identity: Identity, receiver: Receiver, valkey_url: str
) -> Iterator[Desk]:
    channel = Channel("team", SecretStr(f"json://{receiver.address}{HOOK}"), outcomes=OUTCOMES)
    bot = TelegramBot(SecretStr(TOKEN), f"http://{receiver.address}", ("-100",))
    channels = Channels(channels=(channel,), bot=bot)
    made: Ground
    if lost.scenario.on_host:
        with SandboxHost(server="standin", user="countersign") as host:
            made = HostGround(database_url, host, household, valkey_url)
            yield _equipped(made, receiver, channels, valkey_url)
            made.close()
    else:
        with SandboxCluster(identity=identity, speed=5) as cluster:
            made = ClusterGround(database_url, cluster, household)
            yield _equipped(made, receiver, channels, valkey_url)
            made.close()


def _equipped(ground: Ground, receiver: Receiver, channels: Channels, valkey_url: str) -> Desk:
    ground.services.engine.dispose()
    ground.place = replace(ground.place, redis_url=valkey_url, channels=channels, more_settings=SETTINGS)
    ground.services = ground.place.services(lease_seconds=30)
    return Desk(ground, receiver)
