"""What the flows work with, put together from settings and Prefect blocks, afresh for each run."""

import asyncio
import os
import socket
from dataclasses import dataclass, replace
from functools import lru_cache
from time import monotonic

from prefect.settings import PREFECT_UI_URL
from sqlalchemy import Engine

from blocks import ChatApprovals, NotificationChannels, SSHHosts
from blocks.clusters import load_clusters
from blocks.loading import BlockMissing, load_block
from blocks.notification_blocks import addresses_of
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channels
from countersign.execution.chats import Chats
from countersign.execution.clusters import Clusters
from countersign.execution.hmac_secrets import signing_secrets
from countersign.execution.policy.in_force import PolicySource, policy_source
from countersign.execution.services import Services
from countersign.records.database.engine import check_schema, connect
from countersign.settings import Settings, settings
from countersign.targets.hosts.fleet import FleetSettings
from countersign.worker.results import refuse_results
from flows.threads import in_thread

BLOCKS_SECONDS = 2.0
"""What a person changes in a block holds for runs that begin this much later."""
Blocks = tuple[Clusters, FleetSettings | ConfigurationError, Channels | ConfigurationError | None]


def worker_name() -> str:
    """Return the name under which this process owns executions."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def open_services() -> Services:
    """Connect to the records and load the blocks that the settings name.

    Raises ConfigurationError, DatabaseUnavailable. A cluster that cannot be used is an error only for a run that
    needs it. The policy is not Prefect's to say: it comes from the records or from a file.
    """
    refuse_results()
    current = settings()
    engine = await in_thread(records, current)
    source = _source(current, engine)
    in_force, secrets, blocks = await asyncio.gather(
        in_thread(source.read), in_thread(signing_secrets, current.trust_dir), _blocks(current)
    )
    clusters, fleet, channels = blocks
    return Services(
        settings=current,
        engine=engine,
        policy=in_force.policy,
        reread_policy=lambda: source.read().policy,
        policy_mark=in_force.mark,
        mark_of=source.mark_of,
        signing_secrets=secrets,
        clusters=clusters,
        fleet=fleet,
        channels=channels,
    )


async def open_web_services() -> Services:
    """Do the same with the chats in which people sign, which no run needs."""
    services = await open_services()
    return replace(services, chats=await _chats(services.settings))


async def _blocks(current: Settings) -> Blocks:
    """Return what the blocks say: runs that begin within BLOCKS_SECONDS of each other share one reading of them."""
    global _reading  # noqa: PLW0603 - the process's one
    loop = asyncio.get_running_loop()
    if _reading is None or not _reading.serves(current, loop):
        _reading = _Reading(current, loop, loop.create_task(_read_blocks(current)), monotonic())
    return await asyncio.shield(_reading.task)


async def _read_blocks(current: Settings) -> Blocks:
    return await asyncio.gather(load_clusters(current), _fleet(current), _channels(current))


@dataclass(frozen=True)
class _Reading:
    """One reading of the blocks."""

    settings: Settings
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Blocks]
    began: float

    def serves(self, current: Settings, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whether a run that begins now may use it."""
        failed = self.task.done() and (self.task.cancelled() or self.task.exception() is not None)
        fresh = monotonic() - self.began < BLOCKS_SECONDS
        return fresh and not failed and self.settings == current and self.loop is loop


_reading: _Reading | None = None


@lru_cache(maxsize=1)
def records(current: Settings) -> Engine:
    """Return the process's one engine: runs share its pool of connections. Raises ConfigurationError,
    DatabaseUnavailable.
    """
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    check_schema(engine)
    return engine


@lru_cache(maxsize=1)
def _source(current: Settings, engine: Engine) -> PolicySource:
    """Return where the process reads the policy: what was verified once stays known."""
    return policy_source(current, engine)


async def _fleet(current: Settings) -> FleetSettings | ConfigurationError:
    try:
        return (await load_block(SSHHosts, current.hosts_block)).settings()
    except ConfigurationError as error:
        return error


async def _chats(current: Settings) -> Chats | ConfigurationError | None:
    """Return the chats in which people sign; none where the block does not exist."""
    try:
        return (await load_block(ChatApprovals, current.chats_block)).settings()
    except BlockMissing:
        return None
    except ConfigurationError as error:
        return error


async def _channels(current: Settings) -> Channels | ConfigurationError | None:
    """Return who is told; nobody where the block does not exist."""
    try:
        block = await load_block(NotificationChannels, current.channels_block)
        channels = block.settings(await addresses_of(block.prefect_blocks()))
    except BlockMissing:
        return None
    except ConfigurationError as error:
        return error
    pages = PREFECT_UI_URL.value()
    return channels if pages is None else replace(channels, page_of_run=f"{pages}/runs/flow-run/{{}}".format)
