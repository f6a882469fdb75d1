"""/_sandbox/…: how another process reads the request log and sets faults and behaviours."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from countersign.errors import CountersignError, NotFound
from sandbox.cluster.behaviours import BehaviourBook, behaviour_from_json
from sandbox.cluster.faults import FaultBook, fault_from_json
from sandbox.cluster.requests import RequestLog


class _Sandbox(Protocol):
    faults: FaultBook
    behaviours: BehaviourBook
    log: RequestLog

    def seed_now(self, manifests: list[dict[str, Any]]) -> None: ...


def control(sandbox: _Sandbox) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of the control endpoint."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"null")
        try:
            found = _answer(sandbox, request.method, request.path.split("/")[2:], request.query.get("since"), body)
        except CountersignError as error:
            code = 404 if isinstance(error, NotFound) else 400
            return web.json_response({"message": error.message, "hint": error.hint}, status=code)
        return web.json_response(found)

    return handle


def _answer(sandbox: _Sandbox, method: str, path: list[str], since: str | None, body: Any) -> Any:
    match method, path:
        case "GET", ["requests"]:
            return [record.to_json() for record in sandbox.log if record.number > int(since or 0)]
        case "DELETE", ["requests"]:
            sandbox.log.clear()
        case "GET", ["faults"]:
            return [active.to_json() for active in sandbox.faults.active()]
        case "POST", ["faults"]:
            return {"id": sandbox.faults.add(fault_from_json(body))}
        case "DELETE", ["faults"]:
            sandbox.faults.clear()
        case ("DELETE", ["faults", number]) | ("POST", ["faults", number, "release"]):
            sandbox.faults.release(int(number))
        case "GET", ["behaviours"]:
            return [behaviour.to_json() for behaviour in sandbox.behaviours.all()]
        case "POST", ["behaviours"]:
            sandbox.behaviours.add(behaviour_from_json(body))
        case "DELETE", ["behaviours"]:
            sandbox.behaviours.clear()
        case "POST", ["seed"]:
            sandbox.seed_now(body)
        case _:
            raise NotFound("The control endpoint has no such path.", hint="requests, faults, behaviours, seed")
    return {}
