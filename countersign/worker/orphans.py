"""Say the truth about runs whose worker is gone.

A flow that ends its process (os._exit, a segmentation fault, the kernel's memory killer) takes the warm worker
with it, and with it every run the worker had. Nobody is left to report them, so the next worker on this host
does: their owner is written on them, and it is dead.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Crashed

from countersign.worker.identity import Identity, is_gone

_UNFINISHED = FlowRunFilterState(
    type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
)
_PAGE = 200


async def settle_orphans(client: PrefectClient, *, pool: str, me: Identity) -> list[FlowRun]:
    """End every unfinished run of `pool` whose owner is gone; return them as they were.

    A run that was being cancelled becomes Cancelled, any other Crashed, its unfinished subflows with it.
    Safe to call from several workers at once.
    """
    orphans = [run async for run in unfinished(client, pool) if _is_orphan(run, me)]
    for run in orphans:
        await settle(client, run)
    return orphans


async def settle(client: PrefectClient, run: FlowRun) -> None:
    """Report the end of `run`, whose process is gone, and of its unfinished subflows."""
    owner = owner_of(run)
    if run.state is not None and run.state.is_cancelling():
        await client.set_flow_run_state(run.id, Cancelled(message="Cancelled; its worker had already ended."))
    else:
        worker = f"{owner.worker} (pid {owner.pid} on {owner.host})" if owner else "unknown"
        await client.set_flow_run_state(run.id, Crashed(message=f"The worker {worker} ended while it ran this flow."))
    for child in await _children(client, run.id):
        await settle(client, child)


def owner_of(run: FlowRun) -> Identity | None:
    """Return whose run it is: whoever claimed it last; None where that was no warm worker.

    A worker's claim names it, before the worker has written its name on the run: one that an earlier owner left
    there may still be on it.
    """
    claim = run.state.message if run.state is not None and run.state.is_pending() else None
    return Identity.parse(claim) or Identity.parse(run.infrastructure_pid)


def _is_orphan(run: FlowRun, me: Identity) -> bool:
    owner = owner_of(run)
    return owner is not None and is_gone(owner, seen_from=me)


async def unfinished(client: PrefectClient, pool: str) -> AsyncIterator[FlowRun]:
    """Go through the runs of `pool` that Prefect takes for running, pending or being cancelled, newest first."""
    offset = 0
    while True:
        page = await client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            flow_run_filter=FlowRunFilter(state=_UNFINISHED),
            sort=FlowRunSort.ID_DESC,
            limit=_PAGE,
            offset=offset,
        )
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
        offset += _PAGE


async def _children(client: PrefectClient, parent: UUID) -> list[FlowRun]:
    return await client.read_flow_runs(
        sort=FlowRunSort.ID_DESC,
        flow_run_filter=FlowRunFilter(
            state=_UNFINISHED, parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent])
        ),
    )
