"""Flow runs that Prefect shows as running or pending although their worker is gone.

A worker on this host is gone if its process is. One on another host is judged by its silence, as far as the process
that judges has been hearing from the server itself (`countersign.worker.contact`).
"""

from datetime import UTC, datetime

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException

from countersign.execution.reconciliation import kept_alive
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text
from countersign.worker.contact import CONTACT
from countersign.worker.identity import Identity
from countersign.worker.lost import is_lost
from countersign.worker.orphans import settle, settle_orphans, unfinished
from flows.cancelling import approval_of
from flows.threads import in_thread

logger = get_logger(__name__)
POOL_TYPE = "countersign-warm"
FLOW = "reconcile"


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
        up_since = CONTACT.since(now)
        silent = [run for run in open_runs if is_lost(run, workers, up_since=up_since, now=now, here=here)]
        alive = await in_thread(kept_alive, services, [id_ for run in silent if (id_ := approval_of(run))])
        found += [await _crash(client, run) for run in silent if str(run.id) not in alive]
    return found


async def _crash(client: PrefectClient, run: FlowRun) -> Finding:
    try:
        await settle(client, run)
    except (httpx.HTTPStatusError, PrefectException) as error:
        # The boundary of one finding: the server refused this one; the others are tried.
        logger.warning("lost run not ended", run=run.name, error=type(error).__name__)
        return Finding(run.name, text("reconcile.not_crashed", reason=type(error).__name__), failed=True)
    return Finding(run.name, text("reconcile.crashed"))
