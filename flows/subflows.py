"""Subflows with what their pages need: a run below the one that makes it, its log, its artifact, its end.

Prefect's engine makes one of about nine requests: it makes the flow, looks whether the run exists, proposes each
state and reads the run back in between. The ledger has decided already that the step is ours, so two or three do.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import FlowRunCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.flows import Flow
from prefect.states import Pending, to_state_create
from prefect.tasks import Task

from countersign.logging import get_logger

logger = get_logger(__name__)
_FLOWS: dict[tuple[str, str], UUID] = {}
"""Ids of flows, by the server's address and the name: made once in a process."""


class Subflow:
    """A subflow's run below the run that asks."""

    def __init__(self, flow: Flow[..., Any], parameters: Mapping[str, Any]) -> None:
        self._flow, self._parameters = flow, dict(parameters)
        self._run: FlowRun | None = None

    async def show(self, state: State[Any]) -> None:
        """Make the run in this state, or put it into it. Nothing is raised: what is not shown is on record."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            return
        try:
            async with get_client() as client:
                if self._run is not None:
                    await client.set_flow_run_state(self._run.id, state)
                else:
                    self._run = await self._made(client, context.flow_run, state)
        except Exception:
            # The boundary: what a person sees of a step must not keep it from being done.
            logger.warning("a subflow is not shown", flow=self._flow.name, exc_info=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have what is logged and shown meanwhile be the subflow's, once it has a run."""
        context = FlowRunContext.get()
        if context is None or self._run is None:
            yield
            return
        # The task that makes it would have its log.
        outside = TaskRunContext.__var__.set(None)  # type: ignore[arg-type]
        try:
            with context.model_copy(
                update={"flow": self._flow, "flow_run": self._run, "parameters": self._parameters}
            ):
                yield
        finally:
            TaskRunContext.__var__.reset(outside)

    async def _made(self, client: PrefectClient, parent: FlowRun, state: State[Any]) -> FlowRun:
        # What ties a run to the one above it is a task run there.
        tie: Task[..., Any] = Task(name=self._flow.name, fn=self._flow.fn, version=self._flow.version)
        task_run = await client.create_task_run(
            tie, flow_run_id=parent.id, dynamic_key=uuid4().hex, name=self._flow.name, state=Pending()
        )
        wanted = FlowRunCreate(
            flow_id=await self._flow_id(client),
            flow_version=self._flow.version,
            name=str(self._flow.flow_run_name).format(**self._parameters),
            parameters=self._parameters,
            parent_task_run_id=task_run.id,
            state=to_state_create(state),
        )
        body = wanted.model_dump(mode="json", exclude_unset=True)
        return FlowRun.model_validate((await client.request("POST", "/flow_runs/", json=body)).json())

    async def _flow_id(self, client: PrefectClient) -> UUID:
        key = str(client.api_url), self._flow.name
        if key not in _FLOWS:
            _FLOWS[key] = await client.create_flow_from_name(self._flow.name)
        return _FLOWS[key]
