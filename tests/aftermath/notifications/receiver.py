"""A server on this machine that receives messages, and answers as it is told to."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: Any
    """The JSON document."""


@dataclass(frozen=True)
class Reply:
    """What is answered; `hold` is waited for before."""

    status: int = 200
    body: Mapping[str, Any] | str = field(default_factory=lambda: {"ok": True, "result": {"username": "card_bot"}})
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: Event | None = None


class Receiver:
    """Answers 200 to everything unless told otherwise, and remembers what it was sent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._received: list[Received] = []
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._always: dict[str, Reply] = {}
        self._loop = asyncio.new_event_loop()
        self._started = Event()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._started.wait(60)

    def answer(self, path: str, *replies: Reply) -> None:
        """Answer the next requests whose path ends with `path` like this, one after the other."""
        with self._lock:
            self._replies[path].extend(replies)

    def always(self, path: str, reply: Reply | None) -> None:
        """Answer every request whose path ends with `path` like this; None: as before."""
        with self._lock:
            if reply is None:
                self._always.pop(path, None)
            else:
                self._always[path] = reply

    def received(self, path: str = "") -> list[Received]:
        """Return what came to paths that end with `path`, the refused included."""
        with self._lock:
            return [one for one in self._received if one.path.endswith(path)]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        with self._lock:
            self._received.append(Received(request.path, dict(request.headers), body))
            reply = self._next(request.path)
        if reply.hold is not None:
            await asyncio.to_thread(reply.hold.wait, 60)
        if isinstance(reply.body, str):
            return web.Response(text=reply.body, status=reply.status, headers=dict(reply.headers))
        return web.json_response(dict(reply.body), status=reply.status, headers=dict(reply.headers))

    def _next(self, path: str) -> Reply:
        for end, replies in self._replies.items():
            if path.endswith(end) and replies:
                return replies.popleft()
        return next((reply for end, reply in self._always.items() if path.endswith(end)), Reply())
