"""Whether another round of reconciliation is at work, so that the many that are due after an outage do not all run.

Rounds at once do no harm, but on a machine that is slow because of an outage, ten of them make it slower. A limit of
the deployment would do that too, but rounds of dead workers use it up, which only a round can end; and a server that
restarts while a round begins loses one of the slots for good (Prefect 3.9 keeps their leases in memory).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

from flows.lost_runs import FLOW

FRESH_SECONDS = 30.0
"""A round that began longer ago does not count: its worker may be gone, and a round has to find that out."""
_LIMIT = 100


async def is_left_out(flow_run_id: UUID) -> bool:
    """Tell whether another round is at work already, so that this one has nothing to add."""
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
                start_time=FlowRunFilterStartTime.model_validate(
                    {"after_": datetime.now(UTC) - timedelta(seconds=FRESH_SECONDS)}
                ),
            ),
            limit=_LIMIT,
        )
    return not is_first(flow_run_id, found)


def is_first(flow_run_id: UUID, running: Sequence[FlowRun]) -> bool:
    """Tell whether no other of the rounds that run began before this one; one of them is always the first. Pure."""
    began = {run.id: (run.start_time or datetime.now(UTC), run.id) for run in running}
    return flow_run_id not in began or began[flow_run_id] == min(began.values())
