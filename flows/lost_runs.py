"""Flow runs that Prefect shows as running or pending although their worker is gone.

A worker on this host is gone if its process is. One on another host is judged by its silence, and silence says
something only about a time in which the server could have heard it: after an outage of the server every worker seems
silent. The rounds of reconciliation tell how long the server has been up, since each ends with a call to it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, Worker
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException

from countersign.execution.reconciliation import kept_alive
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text
from countersign.worker.identity import Identity
from countersign.worker.orphans import owner_of, settle, settle_orphans, unfinished
from flows.cancelling import approval_of
from flows.threads import in_thread

logger = get_logger(__name__)
POOL_TYPE = "countersign-warm"
FLOW = "reconcile"
MISSED_HEARTBEATS = 3
DEFAULT_HEARTBEAT_SECONDS = 30.0
"""Of a worker that Prefect has forgotten."""
UNOWNED_SECONDS = 300.0
"""A run that is pending for this long under no warm worker's name has nobody who will begin it."""
GAP_SECONDS = 60.0
"""Rounds that end further apart than this do not tell that the server was up in between."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
_ROUNDS = 200


async def crash_lost_runs(
    client: PrefectClient, services: Services, *, here: Identity | None = None
) -> list[Finding]:
    """End the unfinished runs of warm workers that are gone. `here` is the worker that runs this, if one does.

    What Prefect held for them (concurrency slots) is free afterwards. A run whose execution's lease is being renewed
    is not lost, whatever Prefect has heard of its worker.
    """
    found: list[Finding] = []
    for pool in await client.read_work_pools():
        if pool.type != POOL_TYPE:
            continue
        orphans = await settle_orphans(client, pool=pool.name, me=Identity.of_this_process(worker="reconcile"))
        found += [Finding(run.name, text("reconcile.crashed")) for run in orphans]
        open_runs = [run async for run in unfinished(client, pool.name)]
        workers = {worker.name: worker for worker in await client.read_workers_for_work_pool(pool.name)}
        now = datetime.now(UTC)
        # A server that has been up for ever: is there anything to judge at all?
        if not [
            run
            for run in open_runs
            if is_lost(run, workers, up_since=datetime.min.replace(tzinfo=UTC), now=now, here=here)
        ]:
            continue
        up_since = serving_since(await _ends_of_rounds(client), now=now)
        silent = [run for run in open_runs if is_lost(run, workers, up_since=up_since, now=now, here=here)]
        alive = await in_thread(kept_alive, services, [id_ for run in silent if (id_ := approval_of(run))])
        found += [await _crash(client, run) for run in silent if str(run.id) not in alive]
    return found


def is_lost(
    run: FlowRun,
    workers: Mapping[str, Worker],
    *,
    up_since: datetime,
    now: datetime,
    here: Identity | None = None,
) -> bool:
    """Tell whether nobody is left to finish `run`, given Prefect's workers by name. Pure.

    `up_since` is since when the server has been able to hear them. A name is one worker's at a time, so whoever had
    that of `here` on another host (a container that was replaced) is gone, however fresh the name's heartbeats are.
    """
    owner = owner_of(run)
    if owner is not None:
        if here is not None and owner.worker == here.worker and _elsewhere(owner, here):
            return True
        worker = workers.get(owner.worker)
        heard = worker.last_heartbeat_time if worker is not None else None
        pause = (worker.heartbeat_interval_seconds if worker is not None else None) or DEFAULT_HEARTBEAT_SECONDS
        return now - max(heard or up_since, up_since) > timedelta(seconds=MISSED_HEARTBEATS * pause)
    state = run.state
    if state is None or state.type is not StateType.PENDING or run.infrastructure_pid:
        return False
    return now - max(state.timestamp, up_since) > timedelta(seconds=UNOWNED_SECONDS)


def _elsewhere(owner: Identity, here: Identity) -> bool:
    return (owner.host, owner.namespace) != (here.host, here.namespace)


def serving_since(ends: Sequence[datetime], *, now: datetime) -> datetime:
    """Return since when the server has been up without a doubt, given when the last rounds ended. Pure.

    That is now where no round has ended of late: a round by hand, without the schedule, cannot tell.
    """
    since = now
    for end in sorted(ends, reverse=True):
        if since - end > timedelta(seconds=GAP_SECONDS):
            break
        since = min(since, end)
    return since


async def _ends_of_rounds(client: PrefectClient) -> Sequence[datetime]:
    """Return when the newest rounds told the server that they had ended."""
    ended = FlowRunFilterStateType(any_=[StateType.COMPLETED, StateType.FAILED])
    rounds = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=ended)),
        sort=FlowRunSort.END_TIME_DESC,
        limit=_ROUNDS,
    )
    return [run.state.timestamp for run in rounds if run.state is not None]


async def _crash(client: PrefectClient, run: FlowRun) -> Finding:
    try:
        await settle(client, run)
    except (httpx.HTTPStatusError, PrefectException) as error:
        # The boundary of one finding: the server refused this one; the others are tried.
        logger.warning("lost run not ended", run=run.name, error=type(error).__name__)
        return Finding(run.name, text("reconcile.not_crashed", reason=type(error).__name__), failed=True)
    return Finding(run.name, text("reconcile.crashed"))
