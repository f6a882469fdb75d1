"""Counting what the web process is asked, and showing its numbers at `/metrics`.

Whoever asks shows one token that is a setting, and not one of the API's: those are looked up in the records, and the
numbers are wanted most when these are away. Without the setting there is no such address.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from countersign.errors import Unauthenticated
from countersign.metrics.exposition import PATH, may_read, registry_of, shown
from countersign.metrics.family import Process
from countersign.metrics.web import REQUEST_SECONDS, REQUESTS, STREAMS
from countersign.web.problem import answer_to
from countersign.web.records_read import RecordsRead

UNMATCHED: Final = "unmatched"
STATIC: Final = "static"


class Measured:
    """Counts every request by the template of its address, whatever answers it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when its answer begins; a stream may go on for minutes after that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, is_stream = time.monotonic(), False
        # What ends without an answer is a fault of ours, or its reader went away.
        status = 500

        async def passing(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = is_event_stream(message)
                if is_stream:
                    _count(scope, status, time.monotonic() - began)
                    STREAMS.add(1)
            await send(message)

        try:
            await self._app(scope, receive, passing)
        finally:
            if is_stream:
                STREAMS.add(-1)
            else:
                _count(scope, status, time.monotonic() - began)


def is_event_stream(message: Message) -> bool:
    """Tell whether an answer is a stream of server-sent events, by its head."""
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    REQUESTS.count(method=scope["method"], route=route, status=f"{status // 100}xx")
    REQUEST_SECONDS.took(seconds, route=route)


def route_of(scope: Scope) -> str:
    """Return the template of the address that was asked for, as it stands in the OpenAPI."""
    # A router that was included keeps its routes without the prefix; FastAPI has the whole template here.
    context: Any = scope.get("fastapi", {}).get("effective_route_context")
    found = getattr(context, "path_format", None) or getattr(scope.get("route"), "path_format", None)
    if found is not None:
        return str(found)
    return STATIC if scope.get("endpoint") is not None else UNMATCHED


def metrics_of(engine: Callable[[], Engine], token: SecretStr) -> Route:
    """Return the route that shows this process's numbers, and what the records say."""
    registry = registry_of(Process.WEB, RecordsRead(engine))

    async def metrics(request: Request) -> Response:
        if not may_read(request.headers.get("authorization"), token):
            return answer_to(Unauthenticated("Show the token of COUNTERSIGN_METRICS_TOKEN."))
        body, media_type = await run_in_threadpool(shown, registry, request.headers.get("accept"))
        return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    return Route(PATH, metrics, methods=["GET"])
