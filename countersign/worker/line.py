"""The line before a worker: which of the runs that are due begin, which wait for their turn, which are told at once.

Of the runs of one subject one begins. The others stay scheduled until the records know what to tell them, which costs
each of them one request: however often an approval is triggered, it is executed once, and nothing waits for that.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from logging import Logger, LoggerAdapter
from time import monotonic
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow

from countersign.errors import CountersignError
from countersign.worker.declared import declared, flow_of
from countersign.worker.source import FlowSource
from countersign.worker.turns import NO_TURN, Answer, AnyTurn, InTurn, Turns, turns_of

DEPLOYMENT_SECONDS = 10.0
"""For how long a deployment is as it was read: a burst reads it once."""
TOLD_AT_ONCE = 8
"""Runs that are told something at the same time."""


class Line:
    """The line of one worker."""

    def __init__(self, number: int, source: FlowSource, logger: "Logger | LoggerAdapter[Any]") -> None:
        """`number` is how many runs take turns at the same time."""
        self._turns = Turns(number)
        self._source = source
        self._logger = logger
        self._deployments: dict[UUID, tuple[float, DeploymentResponse]] = {}
        self._ahead: dict[str, UUID] = {}

    async def due(
        self, client: PrefectClient, flow_runs: Sequence[FlowRun], *, begun: Collection[UUID]
    ) -> list[FlowRun]:
        """Return those of `flow_runs` that may begin, in their order; tell the others what there is to tell.

        `begun` are those that this worker has in hand already.
        """
        there = {run.id for run in flow_runs} | set(begun)
        self._ahead = {subject: run for subject, run in self._ahead.items() if run in there}
        found, asked = [], dict[InTurn, list[tuple[str, FlowRun]]]()
        for run in sorted(flow_runs, key=place_of):
            how = None if run.id in begun else await self._how(client, run)
            subject = how.subject(run.parameters) if how is not None else None
            if how is None or subject is None:
                found.append(run)
            else:
                asked.setdefault(how, []).append((subject, run))
        for how, runs in asked.items():
            found += await self._of_one_flow(client, how, runs)
        return found

    async def turn(self, client: PrefectClient, flow_run: FlowRun) -> AnyTurn:
        """Wait for the run's turn, and return it."""
        how = await self._how(client, flow_run)
        return NO_TURN if how is None else await self._turns.take(place_of(flow_run))

    def left(self, flow_run: FlowRun) -> None:
        """Let another run of the same subject begin, should there be anything left to do."""
        self._ahead = {subject: run for subject, run in self._ahead.items() if run != flow_run.id}

    async def deployment(self, client: PrefectClient, flow_run: FlowRun) -> DeploymentResponse:
        """Return the run's deployment. Raises ObjectNotFound, and KeyError for a run of none."""
        if flow_run.deployment_id is None:
            raise KeyError("deployment_id")
        known = self._deployments.get(flow_run.deployment_id)
        if known is not None and monotonic() - known[0] < DEPLOYMENT_SECONDS:
            return known[1]
        self._deployments.pop(flow_run.deployment_id, None)
        found = await client.read_deployment(flow_run.deployment_id)
        self._deployments[found.id] = monotonic(), found
        return found

    def forget(self, flow_run: FlowRun) -> None:
        """Read the run's deployment again next time: a person who corrects it does not wait."""
        if flow_run.deployment_id is not None:
            self._deployments.pop(flow_run.deployment_id, None)

    async def flow(self, client: PrefectClient, flow_run: FlowRun) -> Flow[..., Any]:
        """Return the flow that the run is to run. Raises ForeignCode, ObjectNotFound, KeyError, and what the
        flow's file raises when it is imported.
        """
        wanted = flow_of(await self.deployment(client, flow_run), flow_run, declared())
        return await asyncio.to_thread(self._source.load, wanted)

    async def _how(self, client: PrefectClient, flow_run: FlowRun) -> InTurn | None:
        try:
            return turns_of(await self.flow(client, flow_run))
        except Exception:  # noqa: BLE001 - a boundary: why it cannot be run is told where it is begun
            return None

    async def _of_one_flow(
        self, client: PrefectClient, how: InTurn, runs: Iterable[tuple[str, FlowRun]]
    ) -> list[FlowRun]:
        answers = await self._answers(how, {subject for subject, _ in runs})
        found, told = [], []
        for subject, run in runs:
            answer = answers.get(subject)
            if answer is not None and answer.flow_run_id != str(run.id):
                told.append((run, answer))
            elif self._ahead.setdefault(subject, run.id) == run.id:
                found.append(run)
        for first in range(0, len(told), TOLD_AT_ONCE):
            some = told[first : first + TOLD_AT_ONCE]
            await asyncio.gather(*(self._tell(client, run, answer) for run, answer in some))
        return found

    async def _answers(self, how: InTurn, subjects: Collection[str]) -> Mapping[str, Answer]:
        try:
            return await asyncio.to_thread(how.answers, subjects)
        except Exception as error:  # noqa: BLE001 - a boundary: one record must not keep all runs from beginning
            # Then the runs begin, and find out themselves.
            reason = error.message if isinstance(error, CountersignError) else type(error).__name__
            self._logger.warning("What is under way cannot be asked: %s", reason)
            return {}

    async def _tell(self, client: PrefectClient, flow_run: FlowRun, answer: Answer) -> None:
        try:
            # Not forced: a run that has ended stays as it is. One that another worker has just claimed is told, too,
            # and finds out by its own claim what is so.
            await client.set_flow_run_state(flow_run.id, answer.state)
        except ObjectNotFound:
            return
        except Exception as error:  # noqa: BLE001 - a boundary: it is there again at the next look
            self._logger.info("Flow run %s is told later: %s", flow_run.id, type(error).__name__)


def place_of(flow_run: FlowRun) -> tuple[datetime, UUID]:
    """Return the run's place in line: when it was to begin."""
    return flow_run.next_scheduled_start_time or flow_run.expected_start_time or datetime.now(UTC), flow_run.id
