"""Who cancelled a run: a person, or a worker that has to leave. What a person cancelled is not performed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run

from countersign.logging import get_logger
from countersign.records.queries import Waiting

logger = get_logger(__name__)
# Of the states that a run can have, completed alone says that its approval was claimed.
_MAY_BE_UNCLAIMED: list[StateType] = [state for state in StateType if state is not StateType.COMPLETED]
_WAITED = timedelta(days=1)
"""A run may have been due this long before its approval was given."""
_PAGE, _PAGES = 200, 5
FLOW = "execute-approval"


async def asked_for_by_a_person() -> bool:
    """Tell whether the run's own state says that it is to be cancelled.

    A worker that shuts down cancels what it cannot finish, too; that says nothing about the action. In doubt the
    answer is no: the execution is then taken over once its lease is over.
    """
    if flow_run.id is None:
        return False
    try:
        async with get_client() as client:
            found = await client.read_flow_run(UUID(str(flow_run.id)))
    except Exception:
        logger.warning("the run's state cannot be read; whoever takes over goes on", exc_info=True)
        return False
    return found.state is not None and by_a_person(found.state)


def by_a_person(state: State[Any]) -> bool:
    """Tell whether a state is a person's word that the run is to end.

    Prefect's server cancels runs, too, where a deployment's slots are used up, and says so in the message
    (server/orchestration/core_policy.py, SecureFlowConcurrencySlots, in 3.9).
    """
    if state.type not in (StateType.CANCELLING, StateType.CANCELLED):
        return False
    return not (state.message or "").startswith("Deployment concurrency ")


async def cancelled_unclaimed(client: PrefectClient, waiting: Sequence[Waiting]) -> Mapping[UUID, FlowRun]:
    """Return those of the approvals `waiting` whose newest run a person cancelled, with that run.

    A run that is cancelled before its first line cannot say so itself. Cancelling it after the approval was given
    withdraws the approval; a run that is started later takes that back. A worker that leaves ends its runs as
    crashed.
    """
    since = {each.approval_id: each.approved_at for each in waiting}
    found: dict[UUID, FlowRun] = {}
    if since:
        async for run in _runs(client, due_after=min(since.values()) - _WAITED):
            approval_id = approval_of(run)
            if approval_id in since and (approval_id not in found or _created(found[approval_id]) < _created(run)):
                found[approval_id] = run
    return {
        approval_id: run
        for approval_id, run in found.items()
        if run.state is not None
        and run.state.is_cancelled()
        and by_a_person(run.state)
        and run.state.timestamp >= since[approval_id]
    }


async def _runs(client: PrefectClient, *, due_after: datetime) -> AsyncIterator[FlowRun]:
    """Go through the newest runs of the deployment that have not completed."""
    for page in range(_PAGES):
        runs = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[FLOW])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_MAY_BE_UNCLAIMED)),
                expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"after_": due_after}),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=_PAGE,
            offset=page * _PAGE,
        )
        for run in runs:
            yield run
        if len(runs) < _PAGE:
            return


def _created(run: FlowRun) -> datetime:
    assert run.created is not None  # it comes from the server
    return run.created


def approval_of(run: FlowRun) -> UUID | None:
    """Return the approval that the run was to execute, None for a dry run."""
    if run.parameters.get("dry_run"):
        return None
    try:
        return UUID(str(run.parameters.get("approval_id")))
    except ValueError:
        return None
