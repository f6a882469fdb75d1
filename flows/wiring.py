"""What the flows work with, put together from settings and Prefect blocks, afresh for each run."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from prefect.settings import PREFECT_UI_URL
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks import NotificationChannels, PolicyDocument, SSHHosts
from blocks.clusters import load_clusters
from blocks.loading import BlockMissing, load_block
from blocks.notification_blocks import addresses_of
from countersign.errors import ConfigurationError, TransientTargetError
from countersign.execution.channels import Channels
from countersign.execution.services import Services
from countersign.policy.document import Policy
from countersign.policy.loading import default_policy, load_policy_file
from countersign.records.database import check_schema, connect
from countersign.settings import Settings, settings
from countersign.targets.hosts.fleet import FleetSettings
from countersign.worker.results import refuse_results
from flows.threads import in_thread

POLICY_SECONDS = 10.0
"""How long reading the policy again may take."""


def worker_name() -> str:
    """Return the name under which this process owns executions."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def open_services() -> Services:
    """Connect to the records and load the blocks that the settings name.

    Raises ConfigurationError, DatabaseUnavailable. A cluster that cannot be used is an error only for a run that
    needs it.
    """
    refuse_results()
    current = settings()
    engine = await in_thread(_engine, current)
    (policy, secrets), clusters, fleet, channels = await asyncio.gather(
        _policy(current), load_clusters(current), _fleet(current), _channels(current)
    )
    return Services(
        settings=current,
        engine=engine,
        policy=policy,
        reread_policy=_reread(current),
        signing_secrets=secrets,
        clusters=clusters,
        fleet=fleet,
        channels=channels,
    )


@lru_cache(maxsize=1)
def _engine(current: Settings) -> Engine:
    """Return the process's one engine: runs share its pool of connections."""
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    check_schema(engine)
    return engine


async def _policy(current: Settings) -> tuple[Policy, Mapping[str, SecretStr]]:
    if current.policy_block is not None:
        block = await load_block(PolicyDocument, current.policy_block)
        return block.policy(), block.secrets()
    if current.policy_file is not None:
        return await in_thread(load_policy_file, current.policy_file), {}
    return default_policy(), {}


def _reread(current: Settings) -> Callable[[], Policy]:
    """Return a function for threads that reads the policy again, on the loop of the run."""
    loop = asyncio.get_running_loop()

    def reread() -> Policy:
        reading = asyncio.run_coroutine_threadsafe(_policy(current), loop)
        try:
            policy, _secrets = reading.result(POLICY_SECONDS)
        except TimeoutError:
            reading.cancel()
            # Nothing was sent: without the policy of this moment nobody knows whether it may be.
            raise TransientTargetError(
                f"The policy could not be read again within {POLICY_SECONDS:g} s.",
                hint="look whether Prefect's server answers",
            ) from None
        return policy

    return reread


async def _fleet(current: Settings) -> FleetSettings | ConfigurationError:
    try:
        return (await load_block(SSHHosts, current.hosts_block)).settings()
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
