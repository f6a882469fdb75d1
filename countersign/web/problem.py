"""Every error as a problem document (RFC 9457): the status by its class, the stable code by its name.

{"type": "/problems/not_found", "title": "No record with that identifier exists.", "status": 404,
 "code": "not_found", "detail": "approval … does not exist", "hint": "…"}
"""

import math
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from countersign import errors
from countersign.errors import CountersignError, InternalError, InvalidInput
from countersign.logging import get_logger
from countersign.masking import masked

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final[Mapping[type[CountersignError], int]] = {
    errors.CountersignError: 500,
    errors.ConfigurationError: 503,
    errors.InvalidInput: 422,
    errors.ForeignKey: 422,
    errors.ForeignCode: 403,
    errors.NotFound: 404,
    errors.Archived: 410,
    errors.InternalError: 500,
    errors.ParseFailure: 422,
    errors.Refused: 409,
    errors.SignatureRefused: 422,
    errors.TargetError: 502,
    errors.TargetNotFound: 409,
    errors.OutcomeUnknown: 409,
    errors.StaleFence: 409,
    errors.AddressForbidden: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.TooManyRequests: 429,
    errors.RequestTooLarge: 413,
    errors.TooSlow: 408,
    errors.ChangedSince: 412,
    errors.StillRunning: 409,
}
"""The nearest class counts."""
_FIELD: Final = re.compile(r"([\w.\[\]-]+): ")
_PLAIN: Final = {400: "bad_request", 404: "no_such_address", 405: "method_not_allowed", 415: "media_type"}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RETRY_SECONDS: Final = 5
_log = get_logger(__name__)


class Problem(BaseModel):
    """What went wrong, and what would work."""

    type: str = Field(examples=["/problems/invalid_input"])
    title: str
    status: int
    code: str = Field(description="stable; programs decide by it")
    detail: str
    hint: str | None = None
    field: str | None = Field(default=None, description="the field of the request that it is about")


def status_of(kind: type[CountersignError]) -> int:
    """Return the HTTP status of an error's class."""
    return next(STATUS[each] for each in kind.__mro__ if each in STATUS)


def problem_of(error: CountersignError) -> Problem:
    """Return the document of an error."""
    found = _FIELD.match(error.message) if error.about_a_field else None
    code = error.code
    return Problem(
        type=f"/problems/{code}",
        title=_title(type(error)),
        status=status_of(type(error)),
        code=code,
        detail=error.message,
        hint=error.hint,
        field=found[1] if found else None,
    )


def response_of(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that carries it."""
    content = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def answer_to(error: CountersignError) -> Response:
    """Return the whole answer to an error, with what a client has to know of it in headers."""
    headers = {}
    problem = problem_of(error)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="countersign"'
    if (seconds := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(math.ceil(seconds))
    elif problem.status == 503:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return response_of(problem, headers)


def table() -> Iterator[tuple[int, str, str]]:
    """Yield status, code and meaning of every error that the API can answer with, by status."""
    seen = {code: (status, code, f"{HTTPStatus(status).description}.") for status, code in _PLAIN.items()}
    for kind in sorted(_all(CountersignError), key=lambda kind: kind.__qualname__):
        # The class that gives the code its name explains it.
        if "code" in vars(kind) and kind.__module__.startswith(f"{errors.__name__}."):
            seen[kind.code] = (status_of(kind), kind.code, _title(kind))
    yield from sorted(seen.values())


def answer_errors(app: FastAPI) -> None:
    """Have `app` answer every error with a problem document."""

    @app.exception_handler(CountersignError)
    async def _ours(_request: Request, error: CountersignError) -> Response:
        return answer_to(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        return answer_to(mistake_in(error))

    @app.exception_handler(HTTPException)
    async def _plain(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(app, request))
        code = _PLAIN.get(error.status_code, f"http_{error.status_code}")
        problem = Problem(
            type=f"/problems/{code}",
            title=str(error.detail),
            status=error.status_code,
            code=code,
            detail=str(error.detail),
        )
        return response_of(problem, headers)

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        _log.error("a request failed", path=request.url.path, error=masked(f"{type(error).__name__}: {error}"))
        return answer_to(InternalError())


def _allowed(app: FastAPI, request: Request) -> Iterator[str]:
    """Yield the methods that an address has. Whichever route said no knows its own alone."""
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in app.routes):
            yield method


def mistake_in(error: RequestValidationError) -> InvalidInput:
    """Return the first mistake of a request, with the field's name in front. What was given is not repeated."""
    first: Any = error.errors()[0]
    # The first part says where it stood: body, query, path, header.
    where, *names = first["loc"]
    field = ".".join(map(str, names)) or str(where)
    return InvalidInput(f"{field}: {first['msg']}", hint="see /v1/openapi.json for what is accepted")


def _title(kind: type[CountersignError]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


def _all(kind: type[CountersignError]) -> Iterator[type[CountersignError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _all(each)
