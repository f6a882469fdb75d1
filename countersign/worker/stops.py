"""Runs that somebody wants to stop, found by asking: an event that says so may be lost on its way."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

POLL_SECONDS: Final = 5.0
"""Between two questions while no events are heard."""
HEARD_POLL_SECONDS: Final = 30.0
"""Between two questions while they are."""
_STOPPING: Final = [StateType.CANCELLING, StateType.PAUSED]


async def asked_to_stop(client: PrefectClient, ids: Collection[UUID]) -> Sequence[FlowRun]:
    """Return those of the runs `ids` that are to be cancelled or suspended, by one request at most."""
    if not ids:
        return []
    wanted = FlowRunFilter(
        id=FlowRunFilterId(any_=list(ids)), state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_STOPPING))
    )
    return await client.read_flow_runs(flow_run_filter=wanted)
