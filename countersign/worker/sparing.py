"""A client for Prefect's engine that does not ask again what this process has just told, or was just told.

The engine of a run tells the flow's version and retries, and reads the run back, since it may have been started by
anybody. Here the worker has told that together with whose the run is, and has the run from the server's own list.
"""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

TOLD_BY_THE_ENGINE = frozenset({"flow_version", "empirical_policy"})


class SparingClient(PrefectClient):
    """The client `real`, for the engine of one run. Whatever else is asked goes to the server."""

    def __init__(self, real: PrefectClient, flow_run: FlowRun) -> None:
        # Not the base class's: everything that is not here is the real one's.
        self._real = real
        self._flow_run: FlowRun | None = flow_run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def update_flow_run(self, flow_run_id: UUID, **changes: Any) -> Any:  # type: ignore[override]
        """Tell the server, but for what the worker has told when it took the run."""
        if self._flow_run is not None and flow_run_id == self._flow_run.id and changes.keys() <= TOLD_BY_THE_ENGINE:
            return None
        return await self._real.update_flow_run(flow_run_id, **changes)

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Return the run as it is known for the first time that the engine asks, afterwards as the server has it."""
        known, self._flow_run = self._flow_run, None
        if known is None or known.id != flow_run_id or known.state is None or not known.state.is_running():
            return await self._real.read_flow_run(flow_run_id)
        # The server counts a run as it begins to run.
        known.run_count += 1
        return known
