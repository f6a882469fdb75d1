"""The worker type `countersign-warm`: flow runs start in the worker's own, already warm process.

Prefect's process worker starts an interpreter for each run, which imports Prefect for two seconds. An approval
that someone waits for should not. The price is isolation: a flow that ends its process ends this worker, and
everything it runs (see `orphans`). Whoever wants isolation uses a process or Kubernetes work pool for the same
deployment.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import anyio
from anyio.abc import TaskStatus
from prefect._flow_run_suspension import is_suspended_flow_run_state, mark_flow_run_suspension_requested
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Cancelled, Failed, Pending
from prefect.utilities.engine import propose_state
from prefect.utilities.services import critical_service_loop
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from countersign.errors import ConfigurationError, ForeignCode
from countersign.settings import settings
from countersign.worker import stops
from countersign.worker.contact import CONTACT
from countersign.worker.delivering import keep_delivering
from countersign.worker.engine import FlowLoop, Run
from countersign.worker.identity import Identity
from countersign.worker.line import Line
from countersign.worker.orphans import owner_of, settle, settle_orphans
from countersign.worker.results import refuse_results
from countersign.worker.sealing import keep_sealing
from countersign.worker.showing import shown
from countersign.worker.source import FlowSource
from countersign.worker.starting import keep_starting
from countersign.worker.telling import tell_refused
from countersign.worker.tokens import share_token
from countersign.worker.turns import NO_TURN, AnyTurn
from countersign.worker.unheld import settle_unheld
from countersign.worker.wakeup import Wakeup

# Runs announced by an event start at once; the poll finds those whose time comes without one.
POLL_SECONDS = 2
BETWEEN_SECONDS = 0.2
"""From one look for work to the next at least."""
# How long runs that were cut off may take to report that.
REPORT_SECONDS = 10.0


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs flows in its own process. `prefect worker start --type countersign-warm --pool NAME`."""

    type = "countersign-warm"
    _display_name = "Countersign warm"
    _description = "Run flows in the worker's own process: starts in a fraction of a second, without isolation."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Claiming a run up to one poll early lets it start exactly on time: the engine waits for the moment.
        self._prefetch_seconds = POLL_SECONDS
        self._identity = Identity.of_this_process(worker=self.name)
        self._line = Line(settings().executions_at_once, FlowSource(), self._logger)
        self._flows = FlowLoop()
        self._active: dict[UUID, Run | None] = {}
        self._cancelled: set[UUID] = set()
        self._suspended: set[UUID] = set()
        self._work = asyncio.Event()
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._wakeup: Wakeup | None = None

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Return the pool's template: nothing can be set for a run (`declared`)."""
        # The server does not take an empty configuration.
        return {"job_configuration": {"labels": {}}, "variables": {"type": "object", "properties": {}}}

    async def start(self, run_once: bool = False, with_healthcheck: bool = False, printer: Any = print) -> None:
        """Serve the pool until SIGTERM or SIGINT, then finish what is running (docs/operations.md, Worker).

        `run_once` polls once and returns when the runs found have ended. The health check of Prefect's command
        line is its own affair (`with_healthcheck` is ignored here, as there).
        """
        self._catch_signals()
        refuse_results()
        async with self, shown(self._logger, printer, runs=self._begun, limit=self._limit):
            await settle_orphans(self.client, pool=self._work_pool_name, me=self._identity)
            if run_once:
                if await self.get_and_submit_flow_runs():
                    # They have not begun yet.
                    self._idle.clear()
                await self._idle.wait()
                return
            async with anyio.create_task_group() as services:
                services.start_soon(self._heartbeats)
                services.start_soon(self._listen)
                services.start_soon(self._watch_for_stops)
                services.start_soon(self._poll)
                services.start_soon(keep_sealing, self._logger)
                services.start_soon(keep_starting, self._logger)
                services.start_soon(keep_delivering, self._logger)
                printer(f"Worker {self.name!r} started!")
                await self._stop.wait()
                services.cancel_scope.cancel()
            await self._drain(printer)
        printer(f"Worker {self.name!r} stopped!")

    async def setup(self) -> None:
        """Connect to the server and start the thread that flows run on."""
        await super().setup()
        share_token(self.client)
        await self._flows.start()

    async def teardown(self, *exc_info: Any) -> None:
        """Disconnect; runs that are still there have been cancelled or finished by now."""
        await self._flows.stop()
        await super().teardown(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Run `flow_run` here and wait for it. The result's status code is 0: the run reports its own state."""
        if task_status is not None:
            task_status.started(os.getpid())
        await self._run_here(flow_run)
        return BaseWorkerResult(identifier=str(self._identity), status_code=0)

    # --- picking up ---------------------------------------------------------------------------------

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Ask for work once; what the server answers tells that it is there."""
        try:
            found = await super().get_and_submit_flow_runs()
        except Exception:
            CONTACT.lost()
            raise
        CONTACT.heard(datetime.now(UTC))
        return found

    async def _poll(self) -> None:
        while True:
            self._work.clear()
            await critical_service_loop(workload=self.get_and_submit_flow_runs, interval=POLL_SECONDS, run_once=True)
            asked = monotonic()
            with anyio.move_on_after(POLL_SECONDS):
                await self._work.wait()
            # Of many that come at once, and of many that end, one look finds all.
            await asyncio.sleep(max(0.0, BETWEEN_SECONDS - (monotonic() - asked)))

    async def _heartbeats(self) -> None:
        await critical_service_loop(
            workload=self._heartbeat, interval=self.heartbeat_interval_seconds, jitter_range=0.3, backoff=4
        )

    async def _heartbeat(self) -> None:
        await self._sync_and_initialize()
        await settle_orphans(self.client, pool=self._work_pool_name, me=self._identity)
        await settle_unheld(self.client, pool=self._work_pool_name, me=self._identity, held=self._active)

    async def _listen(self) -> None:
        while self._work_pool is None:  # noqa: ASYNC110 - Prefect's base class has no event for it
            await asyncio.sleep(POLL_SECONDS)
        self._wakeup = Wakeup(
            pool_id=self.work_pool.id,
            on_work=self._work.set,
            on_cancel=partial(self._soon, self._cancel_run),
            on_suspend=partial(self._soon, self._suspend_run),
            logger=self._logger,
        )
        await self._wakeup.listen()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Take those that may begin; the others are told something, or are there again at the next look."""
        by_id = {entry.flow_run.id: entry for entry in flow_run_response}
        runs = [entry.flow_run for entry in flow_run_response]
        due = await self._line.due(self.client, runs, begun=self._submitting_flow_run_ids)
        return await super()._submit_scheduled_flow_runs([by_id[run.id] for run in due])

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Claim `flow_run` and run it. Replaces Prefect's hand-over to infrastructure, which is this process."""
        self._active[flow_run.id] = None
        self._idle.clear()
        turn: AnyTurn = NO_TURN
        try:
            turn = await self._line.turn(self.client, flow_run)
            if not self._stop.is_set() and await self._propose_pending_state(flow_run):
                await self._run_here(flow_run, turn)
        finally:
            turn.end()
            self._line.left(flow_run)
            del self._active[flow_run.id]
            self._cancelled.discard(flow_run.id)
            self._suspended.discard(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._release_limit_slot(flow_run.id)
            if not self._active:
                self._idle.set()
            # A slot is free, and the run itself may have been scheduled again.
            self._work.set()

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        """Claim `flow_run`: the server grants Pending to one worker only.

        The claim says whose it is, so that a worker which dies right afterwards leaves no run that belongs to nobody.
        """
        try:
            claim: State[Any] = Pending(message=str(self._identity))
            return (await propose_state(self.client, claim, flow_run_id=flow_run.id)).is_pending()
        except (Abort, Exception) as error:  # noqa: BLE001 - a boundary: whatever became of the answer
            # Refused also where the answer to the first request was lost, and Prefect's client asked again.
            self._logger.info("The claim of flow run %s was not granted: %s", flow_run.id, error)
            return await self._is_claimed_by_this(flow_run)

    async def _is_claimed_by_this(self, flow_run: FlowRun) -> bool:
        """Ask the server until it answers: a run that is ours and that nobody runs would stay Pending for ever."""
        while not self._stop.is_set():
            try:
                found = await self.client.read_flow_run(flow_run.id)
            except ObjectNotFound:
                return False
            except Exception:  # noqa: BLE001 - a boundary: the server is away in whatever way
                await asyncio.sleep(POLL_SECONDS)
            else:
                return found.state is not None and found.state.is_pending() and owner_of(found) == self._identity
        return False

    # --- running ------------------------------------------------------------------------------------

    async def _run_here(self, flow_run: FlowRun, turn: AnyTurn = NO_TURN) -> None:
        try:
            run = await self._begin(flow_run, turn)
        except ForeignCode as refusal:
            self._line.forget(flow_run)
            await self._refuse(flow_run, refusal)
            return
        except Exception as error:  # noqa: BLE001 - a boundary: whatever a flow's file raises on import
            self.get_flow_run_logger(flow_run).exception("The flow could not be started.")
            await self._propose_crashed_state(flow_run, f"The flow could not be started: {error}")
            return
        self._active[flow_run.id] = run
        if flow_run.id in self._cancelled:
            run.cancel(requested=True)
        try:
            state = await run.wait()
        except Exception:  # noqa: BLE001 - a boundary: the run's own failures are states, this is the engine's
            self.get_flow_run_logger(flow_run).exception("The run ended without a state.")
            state = None
        try:
            await self._conclude(flow_run, state)
        except Exception:
            self._logger.warning("The end of flow run %s is reported later.", flow_run.id, exc_info=True)

    async def _begin(self, flow_run: FlowRun, turn: AnyTurn) -> Run:
        if flow_run.deployment_id is None:
            raise ConfigurationError("The run belongs to no deployment, so there is no code to run.")
        flow = await self._line.flow(self.client, flow_run)
        run = Run(flow, flow_run, self._flows, turn)
        # Whose it is, before its first line; with it what Prefect's engine would tell by itself.
        await self.client.update_flow_run(flow_run.id, infrastructure_pid=str(self._identity), **run.told_at_start())
        run.begin()
        return run

    async def _refuse(self, flow_run: FlowRun, refusal: ForeignCode) -> None:
        """Fail a run that asks for other code than what is installed: it began nothing, and is not tried again."""
        self.get_flow_run_logger(flow_run).error("%s %s", refusal.message, refusal.hint)
        self._logger.warning("Flow run %s is refused: %s", flow_run.id, refusal.message)
        state: State[Any] = Failed(name="Refused", message=refusal.message)
        try:
            # Forced: a deployment may say that failed runs are retried.
            await self.client.set_flow_run_state(flow_run.id, state, force=True)
        except Exception:
            self._logger.warning("The end of flow run %s is reported later.", flow_run.id, exc_info=True)
        told = partial(tell_refused, worker=self.name, flow_run=str(flow_run.id))
        await asyncio.to_thread(told, refusal)

    async def _conclude(self, flow_run: FlowRun, state: State[Any] | None) -> None:
        """Make sure that a run which has ended here says so."""
        if state is not None and (state.is_final() or state.is_paused() or state.is_scheduled()):
            return
        now = await self.client.read_flow_run(flow_run.id)
        if now.state is None or now.state.is_final() or now.state.is_scheduled():
            return
        if now.state.is_paused():
            self._logger.info("Flow run %s is suspended.", flow_run.id)
            return
        if now.state.is_cancelling() or flow_run.id in self._cancelled:
            await self.client.set_flow_run_state(
                flow_run.id, Cancelled(message="Flow run was cancelled."), force=True
            )
        else:
            await self._propose_crashed_state(flow_run, "The run ended without reporting a state.")

    # --- stopping ---------------------------------------------------------------------------------

    def _soon(self, call: Callable[[UUID], Coroutine[Any, Any, None]], flow_run_id: UUID) -> None:
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(self._guarded, call, flow_run_id)

    async def _guarded(self, call: Callable[[UUID], Coroutine[Any, Any, None]], flow_run_id: UUID) -> None:
        """Do what was asked for one run; where the server does not answer, the others go on."""
        try:
            await call(flow_run_id)
        except Exception:
            self._logger.warning("Flow run %s could not be looked at.", flow_run_id, exc_info=True)

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Cancel a run of this worker, or report one whose worker is gone; leave others' alone."""
        if flow_run_id in self._active:
            if flow_run_id not in self._cancelled:
                self._cancelled.add(flow_run_id)
                run = self._active[flow_run_id]
                if run is not None:
                    run.cancel(requested=True)
            return
        flow_run = await self.client.read_flow_run(flow_run_id)
        if flow_run.state is not None and flow_run.state.is_cancelling() and self._is_unowned(flow_run):
            await settle(self.client, flow_run)

    async def _suspend_run(self, flow_run_id: UUID) -> None:
        """Tell a run of this worker to stop at its next task."""
        if flow_run_id in self._active and flow_run_id not in self._suspended:
            state = (await self.client.read_flow_run(flow_run_id)).state
            if state is None or not is_suspended_flow_run_state(state):
                return
            if mark_flow_run_suspension_requested(flow_run_id, state):
                self._suspended.add(flow_run_id)
                self._logger.info("Suspending flow run %s at its next task.", flow_run_id)

    def _is_unowned(self, flow_run: FlowRun) -> bool:
        # This process was its owner and no longer runs it.
        return flow_run.infrastructure_pid == str(self._identity)

    async def _watch_for_stops(self) -> None:
        asked = monotonic()
        while True:
            await asyncio.sleep(stops.POLL_SECONDS)
            if self._wakeup is not None and self._wakeup.connected and monotonic() - asked < stops.HEARD_POLL_SECONDS:
                continue
            asked = monotonic()
            begun = [known for known, run in self._active.items() if run is not None]
            try:
                found = await stops.asked_to_stop(self.client, begun)
            except Exception as error:  # noqa: BLE001 - a boundary: the server is away in whatever way
                self._logger.warning("Who wants a run to stop is asked again (%s).", type(error).__name__)
                continue
            for flow_run in found:
                cancelled = flow_run.state is not None and flow_run.state.is_cancelling()
                await self._guarded(self._cancel_run if cancelled else self._suspend_run, flow_run.id)

    async def _setup_cancellation_observer(self) -> None:
        """Prefect's own observer cancels pending runs only; `_listen` cancels them all."""

    # --- leaving ------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if self._stop.is_set():
            # Asked twice: leave now. What was running is reported by the next worker.
            os._exit(128 + number)
        self._stop.set()

    def _begun(self) -> int:
        """Return how many runs there are, without those that wait for their turn."""
        return sum(run is not None for run in self._active.values())

    async def _drain(self, printer: Any) -> None:
        grace = settings().worker_grace_seconds
        if self._active:
            printer(f"Finishing {len(self._active)} flow run(s), for at most {grace:g} s.")
        async with anyio.create_task_group() as services:
            services.start_soon(self._listen)
            services.start_soon(self._watch_for_stops)
            with anyio.move_on_after(grace):
                await self._idle.wait()
            services.cancel_scope.cancel()
        for run in self._active.values():
            if run is not None:
                run.cancel(requested=False)
        with anyio.move_on_after(REPORT_SECONDS):
            await self._idle.wait()
        if self._active:
            # Code that does not react to cancellation, such as a flow that is not async.
            printer(f"Leaving {len(self._active)} flow run(s) that cannot be interrupted.")
            os._exit(1)
