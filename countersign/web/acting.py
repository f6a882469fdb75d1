"""Who is asking, what they may, and doing it once: what every handler of the API and the pages is given.

A program shows a token (`Authorization: Bearer …`) or a certificate that TLS has verified, a browser its session's
cookie; what changes something in a session also shows that session's CSRF token. Who it is comes from nothing else in
the request.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.encoders import jsonable_encoder
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.responses import JSONResponse, Response

from countersign.errors import CountersignError, Forbidden, InvalidInput, KeyReused, StillRunning, Unauthenticated
from countersign.execution.access import Authenticated, by_session, by_token, tell_refusal
from countersign.execution.services import Services
from countersign.policy.access import EVERYTHING, Identity, Kind, Scope, may
from countersign.policy.names import require_seen
from countersign.policy.roles import Permission
from countersign.records import refusals
from countersign.records.access import KeptAnswer, keep_answer, kept_answer, lock_key
from countersign.records.database.engine import transaction
from countersign.records.tables.access import KEY_LIMIT
from countersign.web.certificates import Certificate, name_of
from countersign.web.limits import Lockout, Pace, is_form
from countersign.web.peers import certificate_shown
from countersign.web.services import ServiceSource

COOKIE: Final = "__Host-countersign"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_BROWSERS: Final = frozenset({"origin", "cookie", "sec-fetch-site", "sec-fetch-mode"})
REPEATED: Final = "Idempotent-Replayed"


class NoSession(Unauthenticated):
    """A page was asked for, and nobody is logged in."""


@dataclass(frozen=True)
class Doors:
    """What all requests of this process share."""

    source: ServiceSource
    pace: Pace
    lockout: Lockout


@dataclass(frozen=True)
class Acting:
    """Somebody who asks for something."""

    identity: Identity
    services: Services
    by: Authenticated
    csrf: str
    """What a form of this session shows with what it asks for; "" for programs."""
    asked: str
    """SHA-256 of method, address and body."""
    key: str | None
    """The request's idempotency key."""

    @property
    def run_key(self) -> str | None:
        """By which Prefect knows that the same request starts one run; None without an idempotency key."""
        return f"api:{self.identity.key}:{self.key}:{self.asked}" if self.key is not None else None

    @property
    def engine(self) -> Engine:
        """The records."""
        return self.services.engine

    @contextmanager
    def records(self) -> Iterator[Session]:
        """Open a transaction on the records."""
        with transaction(self.engine) as session:
            yield session

    def may(self, permission: Permission, scope: Scope | None = None) -> bool:
        """Tell whether they may do this about `scope`; about anything at all where it is None."""
        return may(self.services.policy, self.identity, permission, scope).allowed

    def require(self, permission: Permission, scope: Scope | None = EVERYTHING) -> None:
        """Raise Forbidden, which the audit is told of, unless they may."""
        answer = may(self.services.policy, self.identity, permission, scope)
        if not answer.allowed:
            refused = Forbidden(f"{answer.reason}.", hint="an administrator gives it under roles in the policy")
            refusals.tell(self.engine, refused, actor=self.identity.name)
            raise refused

    def once(
        self,
        work: Callable[[Session], Any],
        *,
        status: int = 200,
        headers: Callable[[Any], Mapping[str, str]] | None = None,
        keep: Callable[[Any], Any] | None = None,
    ) -> Response:
        """Do `work` in one transaction and return its result as the answer.

        With an idempotency key it is done once: whoever sends the same again gets the same answer. `keep` returns
        what of a result is repeated, where it holds a secret. Raises KeyReused, StillRunning, what `work` raises.
        """
        with self.records() as session:
            if self.key is not None:
                if not lock_key(session, self.identity.key, self.key):
                    raise StillRunning(
                        "The request with this idempotency key is being answered.", hint="ask again in a moment"
                    )
                known = kept_answer(session, self.identity.key, self.key)
                if known is not None:
                    return self._again(known)
            found = work(session)
            body = jsonable_encoder(found)
            said = dict(headers(found)) if headers is not None else {}
            if self.key is not None:
                answer = KeptAnswer(self.asked, status, body if keep is None else jsonable_encoder(keep(found)), said)
                keep_answer(session, self.identity.key, self.key, answer)
        return JSONResponse(body, status_code=status, headers=said)

    def _again(self, known: KeptAnswer) -> Response:
        if not hmac.compare_digest(known.asked, self.asked):
            raise KeyReused(
                f"idempotency-key: {self.key!r} was used for another request", hint="use a new key for a new request"
            )
        return JSONResponse(known.body, status_code=known.status, headers={**known.headers, REPEATED: "true"})


def csrf_of(shown: SecretStr) -> str:
    """Return the token that forms of the session show. It gives nothing of the session away."""
    return hashlib.sha256(b"countersign/csrf/v1\n" + shown.get_secret_value().encode()).hexdigest()


async def asked_of(request: Request) -> str:
    """Return SHA-256 of what was asked; a form's fields are read elsewhere and have no idempotency key."""
    body = b"" if is_form(request.headers) else await request.body()
    head = json.dumps([request.method, request.url.path, request.url.query])
    return hashlib.sha256(head.encode() + b"\n" + body).hexdigest()


async def _csrf_given(request: Request) -> str:
    """Return the CSRF token that came with the request, "" without one."""
    if request.method in SAFE:
        return ""
    if is_form(request.headers):
        return str((await request.form()).get(CSRF_FIELD, ""))
    return request.headers.get(CSRF_HEADER, "")


def doors_of(request: Request) -> Doors:
    """Return what all requests of this process share."""
    doors = request.app.state.doors
    assert isinstance(doors, Doors)
    return doors


def caller(
    request: Request, asked: Annotated[str, Depends(asked_of)], csrf: Annotated[str, Depends(_csrf_given)]
) -> Acting:
    """Return who asks, by a token or a session. Raises Unauthenticated, Forbidden, TooManyRequests."""
    doors = doors_of(request)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(COOKIE)
    if scheme.lower() == "bearer" and value.strip():
        shown, find = SecretStr(value.strip()), by_token
    elif cookie and not scheme:
        shown, find = SecretStr(cookie), by_session
    elif not scheme and (certificate := certificate_shown(request)) is not None:
        by = by_certificate(certificate, request.headers, now=datetime.now(UTC))
        doors.pace.take(by.identity.key)
        return Acting(by.identity, doors.source.now(), by, "", asked, _key(request))
    else:
        raise Unauthenticated(
            "Show a token: Authorization: Bearer cst_….", hint="`countersign tokens new SUBJECT` makes one"
        )
    services = doors.source.now()
    by = _authenticated(doors, services, request, shown, find)
    token = csrf_of(shown) if by.session_id is not None else ""
    if token and request.method not in SAFE and not hmac.compare_digest(token.encode(), csrf.encode()):
        raise Forbidden("The form is not of this session.", hint="load the page again, then send it")
    doors.pace.take(by.identity.key)
    return Acting(by.identity, services, by, token, asked, _key(request))


def person(
    request: Request, asked: Annotated[str, Depends(asked_of)], csrf: Annotated[str, Depends(_csrf_given)]
) -> Acting:
    """Return who is logged in to the pages. Raises NoSession, which leads to the login page."""
    if not request.cookies.get(COOKIE) or "authorization" in request.headers:
        raise NoSession()
    try:
        return caller(request, asked, csrf)
    except Unauthenticated as error:
        raise NoSession(error.message) from None


def by_certificate(certificate: Certificate, headers: Mapping[str, str], *, now: datetime) -> Authenticated:
    """Return the machine that has shown `certificate`. Raises Unauthenticated: expired, unclear, from a browser."""
    if not _OF_BROWSERS.isdisjoint(name.lower() for name in headers):
        # A browser shows a certificate with whatever any page has it send.
        raise Unauthenticated("A certificate is a machine's, and this was sent by a browser.", hint="log in")
    name = name_of(certificate, now=now)
    return Authenticated(
        Identity(name, Kind.MACHINE), good_until=certificate.good_until, expires_in=certificate.good_until - now
    )


Caller = Annotated[Acting, Depends(caller)]
Person = Annotated[Acting, Depends(person)]


def _authenticated(
    doors: Doors,
    services: Services,
    request: Request,
    shown: SecretStr,
    find: Callable[[Session, Any, SecretStr], Authenticated],
) -> Authenticated:
    address = request.client.host if request.client is not None else "unknown"
    try:
        with transaction(services.engine) as session:
            by = find(session, services.seal, shown)
    except CountersignError as error:
        if isinstance(error, Unauthenticated):
            doors.lockout.failed(address)
            with transaction(services.engine) as session:
                tell_refusal(session, error, shown)
        else:
            refusals.tell(services.engine, error)
        raise
    doors.lockout.succeeded(address)
    return by


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method in SAFE:
        return None
    if is_form(request.headers):
        raise InvalidInput("idempotency-key: forms have none", hint="send JSON")
    require_seen(key, field="idempotency-key", line_breaks=False)
    if not 1 <= len(key) <= KEY_LIMIT:
        raise InvalidInput(f"idempotency-key: {len(key)} characters, between 1 and {KEY_LIMIT} are accepted")
    return key
