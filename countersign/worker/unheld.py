"""Runs that Prefect takes for unfinished and that nobody here has in hand: one's own, and those of others."""

from collections.abc import Container, Sequence
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from countersign.errors import ConfigurationError
from countersign.logging import get_logger
from countersign.worker.contact import CONTACT
from countersign.worker.identity import Identity
from countersign.worker.lost import is_lost
from countersign.worker.orphans import owner_of, settle, unfinished
from countersign.worker.run_starter import start_reconciliation

logger = get_logger(__name__)


async def settle_unheld(client: PrefectClient, *, pool: str, me: Identity, held: Container[UUID]) -> None:
    """Report runs of `pool` that are this worker's by name and that it does not run: their end could not be reported.

    `held` are those that it runs. Where runs of other workers seem lost, a round of reconciliation is started.
    """
    others = []
    async for run in unfinished(client, pool):
        if owner_of(run) != me:
            others.append(run)
            continue
        # A run is among those that are held from before its claim until after its end.
        if run.id in held:
            continue
        # It may have ended well between the question and now.
        now = await client.read_flow_run(run.id)
        state = now.state
        if state is not None and (state.is_running() or state.is_pending() or state.is_cancelling()):
            await settle(client, now)
    if others:
        await _have_lost_runs_ended(client, others, pool=pool, me=me)


async def _have_lost_runs_ended(client: PrefectClient, others: Sequence[FlowRun], *, pool: str, me: Identity) -> None:
    """Start a round where runs of other workers seem lost: it looks closely, and ends them."""
    workers = {worker.name: worker for worker in await client.read_workers_for_work_pool(pool)}
    now = datetime.now(UTC)
    up_since = CONTACT.since(now)
    lost = [run for run in others if is_lost(run, workers, up_since=up_since, now=now, here=me)]
    if not lost:
        return
    try:
        await start_reconciliation(key=f"lost:{min(run.id for run in lost)}:{now:%H%M}")
    except ConfigurationError as error:
        logger.info("runs of lost workers are ended by the schedule's round", reason=error.message)
