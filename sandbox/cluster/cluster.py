"""SandboxCluster: a Kubernetes API server of our own with controllers and pods that only exist on paper."""

import asyncio
import socket
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sandbox.cluster.api import Api
from sandbox.cluster.behaviours import BehaviourBook
from sandbox.cluster.control import control
from sandbox.cluster.controllers.manager import Manager
from sandbox.cluster.faults import FaultBook
from sandbox.cluster.identity import Identity, new_identity
from sandbox.cluster.requests import RequestLog
from sandbox.cluster.seed import apply_manifests, default_manifests
from sandbox.cluster.server import ApiServer
from sandbox.cluster.snapshot import keep, load
from sandbox.cluster.store import Store
from sandbox.cluster.watching import Watches
from sandbox.cluster.writing import Writer

_START_SECONDS = 120


class SandboxCluster:
    """The cluster, in a thread of this process, on loopback. Use it as a context manager.

    `manifests` is what it holds at first: None is the default seed. `speed` divides all durations of pods and
    controllers. `state` is a file that the objects are kept in, `mutations` one that the requests are kept in which
    changed something. `identity` keeps token and certificate the same.
    """

    def __init__(
        self,
        *,
        manifests: Iterable[Mapping[str, Any]] | None = None,
        port: int = 0,
        speed: float = 1.0,
        state: Path | None = None,
        mutations: Path | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.identity = identity or new_identity()
        self.faults = FaultBook()
        self.behaviours = BehaviourBook()
        self.log = RequestLog()
        self.store = Store()
        self._writer = Writer(self.store)
        self._manager = Manager(self.store, self._writer, self.behaviours, speed=speed)
        self._manifests = default_manifests() if manifests is None else [dict(item) for item in manifests]
        self._state = state
        self._mutations = mutations
        self._port = port
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox-cluster", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stopped: asyncio.Event

    # --- what tests and the demonstration use ----------------------------------------------------

    @property
    def url(self) -> str:
        """https://127.0.0.1:PORT"""
        return f"https://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """The bearer token of the one user, who may do everything."""
        return self.identity.token

    @property
    def kubeconfig(self) -> str:
        """YAML with the context "sandbox", the token and the certificate."""
        return self.identity.kubeconfig(self.url)

    @property
    def requests(self) -> RequestLog:
        """Every request to the API so far, oldest first; `.mutations()` are those that changed something."""
        return RequestLog(self.log)

    def seed(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Create the objects, or bring them to what the manifests say. Not part of the request log."""
        listed = [dict(item) for item in manifests]

        async def apply() -> None:
            self.seed_now(listed)

        asyncio.run_coroutine_threadsafe(apply(), self._loop).result(_START_SECONDS)

    def seed_now(self, manifests: list[dict[str, Any]]) -> None:
        """Like `seed`, on the server's own thread."""
        apply_manifests(self._writer, manifests)

    def settle(self, seconds: float = 30) -> None:
        """Wait until controllers and pods have nothing more to do at once. Raises TimeoutError."""
        asyncio.run_coroutine_threadsafe(self._manager.idle(), self._loop).result(seconds)

    # --- running ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        started = self._ready.wait(_START_SECONDS)
        if self._failure is not None:
            raise self._failure
        if not started:
            raise TimeoutError(f"the sandbox cluster did not start within {_START_SECONDS} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(_START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the boundary of a thread: whoever waits gets it
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = self.faults.loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        watches = Watches(self.store)
        restored = self._state is not None and load(self.store, self._state)
        if self._state is not None:
            keep(self.store, self._state)
        if not restored:
            self.seed_now(self._manifests)
        self._manager.start()
        server = ApiServer(
            api=Api(self.store, self._writer, watches),
            store=self.store,
            token=self.token,
            faults=self.faults,
            log=self.log,
            control=control(self),
            mutations=self._mutations,
        )
        runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        await web.SockSite(runner, listener, ssl_context=self.identity.tls()).start()
        if not restored:
            await self._manager.idle()
        self._ready.set()
        await self._stopped.wait()
        self._manager.stop()
        watches.close()
        await runner.cleanup()
