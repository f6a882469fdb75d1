"""How many rounds of reconciliation are at work, so that the many that are due after an outage do not all run.

A limit of the deployment would do that too, but rounds of dead workers use it up, which only a round can end; and a
server that restarts while a round begins loses one of the slots for good (Prefect 3.8 keeps their leases in memory).
"""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run

from flows.lost_runs import FLOW

ROUNDS_AT_ONCE = 4
"""With so many others at work another round has nothing to add."""
FRESH_SECONDS = 60.0
"""A round that began longer ago does not count: its worker may be gone, and a round has to find that out."""


async def others_at_work() -> int:
    """Return how many other rounds have begun a moment ago and run, at most `ROUNDS_AT_ONCE`."""
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
                start_time=FlowRunFilterStartTime.model_validate(
                    {"after_": datetime.now(UTC) - timedelta(seconds=FRESH_SECONDS)}
                ),
            ),
            limit=ROUNDS_AT_ONCE + 1,
        )
    return min(sum(str(run.id) != str(flow_run.id) for run in found), ROUNDS_AT_ONCE)
