"""Flow runs that Prefect shows as running or pending although their worker is gone."""

from datetime import UTC, datetime, timedelta

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.exceptions import PrefectException

from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text
from countersign.worker.identity import Identity
from countersign.worker.orphans import settle, settle_orphans, unfinished

logger = get_logger(__name__)
POOL_TYPE = "countersign-warm"
UNOWNED_SECONDS = 300.0
"""A run is pending for moments before its worker writes its name on it; for this long means that it died then."""


async def crash_lost_runs(client: PrefectClient) -> list[Finding]:
    """End the unfinished runs of warm workers that are gone.

    A worker is gone if its process on this host is, or, on another host, if Prefect has not heard of it for three
    of its heartbeats. What Prefect held for its runs (concurrency slots) is free afterwards.
    """
    found: list[Finding] = []
    for pool in await client.read_work_pools():
        if pool.type != POOL_TYPE:
            continue
        orphans = await settle_orphans(client, pool=pool.name, me=Identity.of_this_process(worker="reconcile"))
        found += [Finding(run.name, text("reconcile.crashed")) for run in orphans]
        workers = await client.read_workers_for_work_pool(pool.name)
        alive = {worker.name for worker in workers if worker.status is WorkerStatus.ONLINE}
        silent = [run async for run in unfinished(client, pool.name) if is_lost(run, alive, now=datetime.now(UTC))]
        found += [await _crash(client, run) for run in silent]
    return found


async def _crash(client: PrefectClient, run: FlowRun) -> Finding:
    try:
        await settle(client, run)
    except (httpx.HTTPStatusError, PrefectException) as error:
        # The boundary of one finding: the server refused this one; the others are tried.
        logger.warning("lost run not ended", run=run.name, error=type(error).__name__)
        return Finding(run.name, text("reconcile.not_crashed", reason=type(error).__name__), failed=True)
    return Finding(run.name, text("reconcile.crashed"))


def is_lost(run: FlowRun, alive: set[str], *, now: datetime) -> bool:
    """Tell whether nobody is left to finish `run`, given the names of the workers that are alive. Pure."""
    owner = Identity.parse(run.infrastructure_pid)
    if owner is not None:
        return owner.worker not in alive
    state = run.state
    if state is None or state.type is not StateType.PENDING or run.infrastructure_pid:
        return False
    return now - state.timestamp > timedelta(seconds=UNOWNED_SECONDS)
