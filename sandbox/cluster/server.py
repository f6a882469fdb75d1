"""The HTTP side: authentication, faults, the request log, and the way to the API and to the control endpoint."""

import asyncio
import contextlib
import hmac
import itertools
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from countersign.logging import get_logger
from sandbox.cluster.api import Answer, Api, Request, read_body
from sandbox.cluster.faults import ActiveFault, Effect, FaultBook
from sandbox.cluster.patches.forms import APPLY_PATCH
from sandbox.cluster.requests import RecordedRequest, RequestLog, keep_mutation
from sandbox.cluster.status import StatusError, bad_request, unauthorized, unsupported_media_type
from sandbox.cluster.store import Store

_log = get_logger(__name__)
CONTROL = "/_sandbox/"
Control = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOG_LIMIT = 50_000
"""Requests that are remembered; beyond, the oldest go."""
_NO_LINGER = struct.pack("ii", 1, 0)


class ApiServer:
    """Serves an API until the loop ends."""

    def __init__(
        self,
        *,
        api: Api,
        store: Store,
        token: str,
        faults: FaultBook,
        log: RequestLog,
        control: Control,
        mutations: Path | None = None,
    ) -> None:
        self._api = api
        self._store = store
        self._token = token.encode()
        self._faults = faults
        self._log = log
        self._control = control
        self._mutations = mutations
        self._numbers = itertools.count(1)
        self._going_on: set[asyncio.Task[web.StreamResponse]] = set()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        _, _, sent = request.headers.get("Authorization", "").partition(" ")
        if not hmac.compare_digest(sent.encode(), self._token):
            return _json(unauthorized().http_code, unauthorized().body, {})
        if request.path.startswith(CONTROL):
            return await self._control(request)
        raw = await request.read()
        asked = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=read_body(raw),
            raw=raw,
            user_agent=request.headers.get("User-Agent", ""),
            content_type=request.content_type if request.headers.get("Content-Type") else "",
            accept=request.headers.get("Accept", ""),
        )
        record = self._record(request, asked)
        met = self._faults.meet(asked.method, asked.path, dry_run=asked.dry_run)
        if met is None:
            return await self._answered(request, asked, record)
        record.fault = met.fault.effect
        # A client that gives up doesn't take back what it has sent: the request may still have its effect.
        going_on = asyncio.create_task(self._faulty(met, request, asked, record))
        self._going_on.add(going_on)
        going_on.add_done_callback(self._going_on.discard)
        return await asyncio.shield(going_on)

    def _record(self, request: web.Request, asked: Request) -> RecordedRequest:
        body = asked.body.decode("latin-1") if isinstance(asked.body, bytes) else asked.body
        record = RecordedRequest(
            number=next(self._numbers),
            at=time.time(),
            method=asked.method,
            path=asked.path,
            query=dict(asked.query),
            body=body,
            content_type=asked.content_type,
            user_agent=request.headers.get("User-Agent", ""),
            field_manager=asked.query.get("fieldManager", ""),
            dry_run=asked.dry_run,
        )
        self._log.append(record)
        if len(self._log) > _LOG_LIMIT:
            del self._log[: _LOG_LIMIT // 10]
        return record

    def _handle(self, asked: Request, record: RecordedRequest) -> Answer:
        before = self._store.commits
        try:
            _refuse_unreadable(asked)
            answer = self._api.handle(asked)
        except StatusError as error:
            answer = Answer(error.http_code, error.body, error.headers)
        except Exception as error:  # noqa: BLE001 - the server's boundary
            # A mistake of the sandbox is an answer and a line in the log, not a lost request.
            _log.exception("a request met a mistake of the sandbox", method=asked.method, path=asked.path)
            found = StatusError(500, "InternalError", f"Internal error occurred: {error}")
            answer = Answer(found.http_code, found.body)
        record.mutated = self._store.commits > before
        record.code = answer.code
        if record.mutated and self._mutations is not None:
            keep_mutation(self._mutations, record)
        return answer

    async def _answered(self, request: web.Request, asked: Request, record: RecordedRequest) -> web.StreamResponse:
        answer = self._handle(asked, record)
        if answer.stream is None:
            return _sent(answer)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await response.prepare(request)
            async for line in answer.stream:
                await response.write(line)
        except (ConnectionResetError, asyncio.CancelledError):
            pass
        return response

    async def _faulty(
        self, met: ActiveFault, request: web.Request, asked: Request, record: RecordedRequest
    ) -> web.StreamResponse:
        fault = met.fault
        match fault.effect:
            case Effect.ERROR:
                return self._failed(met, record)
            case Effect.ERROR_AFTER:
                self._handle(asked, record)
                return self._failed(met, record)
            case Effect.RESET_BEFORE:
                return _cut(request, record)
            case Effect.RESET_AFTER:
                self._handle(asked, record)
                return _cut(request, record)
            case Effect.HANG:
                await _wait(met)
                return _cut(request, record)
            case Effect.HANG_AFTER:
                self._handle(asked, record)
                await _wait(met)
                return _cut(request, record)
            case Effect.DELAY:
                await asyncio.sleep(fault.seconds)
                return await self._answered(request, asked, record)
            case Effect.PAUSE_BEFORE:
                await _wait(met)
                return await self._answered(request, asked, record)
            case Effect.PAUSE_AFTER:
                answer = self._handle(asked, record)
                await _wait(met)
                return _sent(answer)

    def _failed(self, met: ActiveFault, record: RecordedRequest) -> web.Response:
        fault = met.fault
        record.code = fault.code
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        details = {} if fault.retry_after is None else {"retryAfterSeconds": fault.retry_after}
        refusal = StatusError(fault.code, fault.reason, fault.message, details=details)
        return _json(fault.code, refusal.body, headers)


def _refuse_unreadable(asked: Request) -> None:
    if "protobuf" in asked.content_type and "reviews" not in asked.path:
        raise unsupported_media_type(["application/json"])
    if asked.content_type == APPLY_PATCH:
        return
    if isinstance(asked.body, bytes) and "protobuf" not in asked.content_type:
        raise bad_request("couldn't get version/kind; json parse error")


async def _wait(met: ActiveFault) -> None:
    """Wait for the fault's release."""
    met.waiting += 1
    try:
        await met.released.wait()
    finally:
        met.waiting -= 1


def _cut(request: web.Request, record: RecordedRequest) -> web.Response:
    """Reset the connection: the client sees no answer at all."""
    record.reply_lost = True
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    return web.Response()


def _sent(answer: Answer) -> web.Response:
    response = _json(answer.code, answer.body, dict(answer.headers))
    for text in answer.warnings:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
    return response


def _json(code: int, body: Any, headers: dict[str, str]) -> web.Response:
    if isinstance(body, str):
        return web.Response(status=code, text=body, headers=headers)
    return web.Response(status=code, body=json.dumps(body).encode(), content_type="application/json", headers=headers)
