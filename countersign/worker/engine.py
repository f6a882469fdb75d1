"""Run flows in this process, on a thread and event loop of their own.

A flow must not be able to starve the worker: polling, heartbeats and cancellation live on the main thread,
flows on another. Being off the main thread also keeps Prefect's engine from replacing the process's signal
handlers for each run (signals only reach the main thread). All runs share one API client, which saves each
about 30 ms of setting one up.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from prefect._flow_run_suspension import FlowRunSuspensionRequest, register_flow_run_suspension_request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.filesystems import WritableFileSystem
from prefect.flow_engine import AsyncFlowRunEngine, run_flow_sync
from prefect.flows import Flow
from prefect.results import aget_default_result_storage
from prefect.settings import get_current_settings
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

from countersign.worker.sparing import SparingClient
from countersign.worker.tokens import share_token
from countersign.worker.turns import NO_TURN, TURN, AnyTurn


@dataclass
class Engine(AsyncFlowRunEngine[..., Any]):
    """Prefect's engine for many runs in one process. It differs in what Prefect asks the process instead of the run.

    `cancelled_on_request` tells whether its task was cancelled because a person cancelled the run; Prefect
    asks a process-wide flag.
    """

    cancelled_on_request: bool = False
    _sparing: SparingClient | None = None

    @property
    def client(self) -> PrefectClient:
        """The shared client, without what the engine need not ask."""
        if self._sparing is None:
            assert self.flow_run is not None
            self._sparing = SparingClient(super().client, self.flow_run)
        return self._sparing

    @property
    def heartbeat_seconds(self) -> int | None:
        """None: Prefect starts a thread for each run, `FlowLoop` beats for them all."""
        return None

    def beat(self) -> None:
        """Emit the event that tells that the run is alive."""
        if self.is_running():
            self._emit_flow_run_heartbeat()

    def named(self, name: str) -> None:
        """Note that the run has its name."""
        assert self.flow_run is not None
        self.flow_run.name = name
        self._flow_run_name_set = True

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[FlowRunSuspensionRequest]:
        """Make the run suspendable. Prefect watches each run with a thread, a client and a websocket of its
        own, and blocks the event loop until they are up and again until they are gone; `wakeup` watches them all.
        """
        assert self.flow_run is not None
        request = self._get_flow_run_suspension_request()
        with register_flow_run_suspension_request(self.flow_run.id, request):
            request.raise_if_requested()
            yield request

    async def handle_crash(self, exc: BaseException) -> None:
        """Record a cancellation that was asked for as Cancelled, everything else as Crashed."""
        if self.cancelled_on_request and isinstance(exc, asyncio.CancelledError):
            await self.handle_cancellation(exc)
        else:
            await super().handle_crash(exc)


class Run:
    """One flow run in progress: wait for it with `wait`, end it with `cancel`."""

    def __init__(self, flow: Flow[..., Any], flow_run: FlowRun, loop: "FlowLoop", turn: AnyTurn = NO_TURN) -> None:
        """`begin` begins it. What it is to wait for without its `turn`, and when that ends, its flow says."""
        self._flow, self._flow_run = flow, flow_run
        self._engine = Engine(flow=flow, flow_run=flow_run, parameters=_parameters(flow, flow_run))
        self._loop, self._turn = loop, turn
        self._task: asyncio.Task[Any] | None = None
        self._future: Future[State[Any] | None] = Future()

    def told_at_start(self) -> dict[str, Any]:
        """Return what the server is to be told of the run before it begins: what its engine would tell otherwise."""
        policy = self._flow_run.empirical_policy
        if policy.retry_delay is None:
            policy.retry_delay = self._flow.retry_delay_seconds  # type: ignore[assignment] # as Prefect's engine
        if policy.retries is None:
            policy.retries = self._flow.retries
        told: dict[str, Any] = {"flow_version": self._flow.version, "empirical_policy": policy}
        name = self._flow.flow_run_name
        if isinstance(name, str):
            with suppress(KeyError, IndexError, ValueError, AttributeError):
                # What cannot be filled in is the engine's to complain about.
                told["name"] = name.format(**self._engine.parameters or {})
                self._engine.named(told["name"])
        return told

    def begin(self) -> None:
        """Begin it."""
        self._future = self._loop.submit(self._execute())

    async def wait(self) -> State[Any] | None:
        """Return the run's last state; None if the run was interrupted. Raises what the engine itself raises."""
        try:
            # Shielded: that the worker stops waiting must not end the flow.
            return await asyncio.shield(asyncio.wrap_future(self._future))
        except asyncio.CancelledError:
            if self._future.done():
                return None
            raise

    def cancel(self, *, requested: bool) -> None:
        """Raise asyncio.CancelledError in the flow; `requested` by a person (Cancelled) or not (Crashed).

        A flow that is not async runs on: no thread can be interrupted from outside.
        """
        self._engine.cancelled_on_request = requested
        # Not through the future: that would count as done before the flow has handled its cancellation.
        self._loop.call_soon(lambda: self._task is not None and self._task.cancel())

    async def _execute(self) -> State[Any] | None:
        self._task = asyncio.current_task()
        TURN.set(self._turn)
        if self._flow.result_storage is None:
            self._flow.result_storage = await self._loop.result_storage()
        self._loop.alive(self._engine)
        try:
            if not self._flow.isasync:
                return await self._execute_sync()
            self._loop.share_sync_client()
            async with self._engine.start():
                while self._engine.is_running():
                    async with self._engine.run_context():
                        _ = await self._engine.call_flow_fn()
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException:  # noqa: BLE001 - a boundary
            # SystemExit and its like, which would end every other run on this loop, and Prefect's own signals
            # (Abort, Pause). The engine has recorded what they mean.
            return None
        finally:
            self._loop.over(self._engine)
        return self._engine.state

    async def _execute_sync(self) -> State[Any]:
        flow, parameters = self._flow, self._engine.parameters
        execute = partial(run_flow_sync, flow, self._engine.flow_run, parameters, return_type="state")
        # Shielded, since the thread goes on whatever happens here, and its end is the run's end.
        return cast("State[Any]", await asyncio.shield(asyncio.to_thread(execute)))


class FlowLoop:
    """An event loop on its own thread with one Prefect client for everything that runs on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="flows", daemon=True)
        self._clients: AsyncClientContext | None = None
        self._sync_clients: SyncClientContext | None = None
        self._storage: asyncio.Task[WritableFileSystem] | None = None
        self._alive: dict[int, Engine] = {}
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the thread and connect the client."""
        self._thread.start()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._connect(), self._loop))

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Schedule `work` with the shared client in its context."""
        return asyncio.run_coroutine_threadsafe(self._with_client(work), self._loop)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run `call` on the loop's thread, after everything submitted before it."""
        self._loop.call_soon_threadsafe(call)

    async def stop(self) -> None:
        """Disconnect the client and end the thread. Call it when no run is left."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def result_storage(self) -> WritableFileSystem:
        """Return where results are kept unless a flow says, asked for once: Prefect asks the server for each run, and
        sets up TLS for the question.
        """
        if self._storage is None or (self._storage.done() and self._storage.exception() is not None):
            self._storage = asyncio.ensure_future(aget_default_result_storage())
        return await asyncio.shield(self._storage)

    def share_sync_client(self) -> None:
        """Have the run that asks share one synchronous client: Prefect makes one for each flow that it begins, asks
        it nothing, and sets up TLS for it. Not for flows in threads, whose requests would void each other's tokens.
        """
        assert self._sync_clients is not None
        SyncClientContext.__var__.set(self._sync_clients)

    def alive(self, engine: Engine) -> None:
        """Have the server told from time to time that the run is alive."""
        self._alive[id(engine)] = engine

    def over(self, engine: Engine) -> None:
        """The run is over."""
        self._alive.pop(id(engine), None)

    async def _connect(self) -> None:
        self._clients = AsyncClientContext()
        share_token(await self._clients.client.__aenter__())
        self._sync_clients = SyncClientContext()
        self._sync_clients.client.__enter__()
        self._heart = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while (pause := get_current_settings().flows.heartbeat_frequency) is not None:
            await asyncio.sleep(pause)
            for engine in list(self._alive.values()):
                engine.beat()

    async def _disconnect(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
        if self._clients is not None:
            await self._clients.client.__aexit__(None, None, None)
        if self._sync_clients is not None:
            self._sync_clients.client.__exit__(None, None, None)

    async def _with_client(self, work: Coroutine[Any, Any, Any]) -> Any:
        # Prefect looks the client up in a context variable; each task has a context of its own.
        assert self._clients is not None
        AsyncClientContext.__var__.set(self._clients)
        return await work


def _parameters(flow: Flow[..., Any], flow_run: FlowRun) -> dict[str, Any]:
    """Return the run's parameters with the flow's defaults, as Prefect's own runners pass them."""
    args, kwargs = parameters_to_args_kwargs(flow.fn, flow_run.parameters)
    return get_call_parameters(flow.fn, args, kwargs)
