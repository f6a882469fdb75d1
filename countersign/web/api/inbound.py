"""`/v1/inbound`: another system files, signs and withdraws by requests that are signed by Standard Webhooks.

The signature stands in place of a token, `webhook-id` in place of an idempotency key; what is done is what the
handlers of `/v1/approvals` do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from sqlalchemy import Engine

from countersign.errors import (
    ConfigurationError,
    CountersignError,
    InvalidInput,
    StillRunning,
    Tampered,
    TooManyRequests,
    Unauthenticated,
)
from countersign.execution.access import Authenticated
from countersign.records import refusals
from countersign.records.database.engine import transaction
from countersign.records.tables import WebhookSource
from countersign.records.webhook_sources import source_with
from countersign.web.acting import Acting, asked_of, doors_of
from countersign.web.api import approvals
from countersign.web.api.approval_models import ApprovalView, Filed, NewRequest, NewSignature, Reason
from countersign.web.api.responses import problems
from countersign.web.api.words import Given, Text
from countersign.webhooks.sources import by_signature, tell_refused

router = APIRouter(prefix="/inbound", tags=["webhooks"])


class _Message(Given):
    timestamp: AwareDatetime | None = None
    """When it happened there; what counts is when it was signed."""


class Requested(_Message):
    """A request to perform one action. Who requests it is the source's subject."""

    type: Literal["approval.requested"]
    data: NewRequest


class Signature(NewSignature):
    """A signature that was made elsewhere, and the approval that it is of."""

    approval_id: UUID


class Signed(_Message):
    """A signer's decision."""

    type: Literal["approval.signed"]
    data: Signature


class Withdrawal(Given):
    """A request of the source's own that is not wanted any more."""

    approval_id: UUID
    reason: Text = ""


class Withdrawn(_Message):
    """A request is taken back."""

    type: Literal["approval.withdrawn"]
    data: Withdrawal


Message = Annotated[Requested | Signed | Withdrawn, Field(discriminator="type")]
_NO_REFUSAL: Final = (ConfigurationError, TooManyRequests, StillRunning)
"""Whoever sends it again later gets another answer."""
_MESSAGE: Final[TypeAdapter[Requested | Signed | Withdrawn]] = TypeAdapter(Message)


@dataclass(frozen=True)
class Incoming:
    """A request whose signature counts."""

    acting: Acting
    source: WebhookSource
    id: str
    """The sender's own name for it."""
    body: bytes


def _without_references(schema: Any, known: dict[str, Any]) -> Any:
    """Return a schema that can stand anywhere in the OpenAPI: what it refers to is written where it is meant."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _without_references(known[schema["$ref"].rsplit("/", 1)[1]], known)
        kept = {name: value for name, value in schema.items() if name not in ("$defs", "discriminator")}
        return {name: _without_references(value, known) for name, value in kept.items()}
    return [_without_references(each, known) for each in schema] if isinstance(schema, list) else schema


def _body() -> dict[str, Any]:
    schema = _MESSAGE.json_schema()
    content = {"application/json": {"schema": _without_references(schema, schema["$defs"])}}
    return {"requestBody": {"required": True, "content": content}, "security": []}


async def _raw(request: Request) -> bytes:
    return await request.body()


def incoming(
    *,
    source: UUID,
    request: Request,
    asked: Annotated[str, Depends(asked_of)],
    body: Annotated[bytes, Depends(_raw)],
    webhook_id: Annotated[str, Header(description="the same for every repetition of one message")] = "",
    webhook_timestamp: Annotated[str, Header(description="seconds since 1970; five minutes off at most")] = "",
    webhook_signature: Annotated[str, Header(description="v1,BASE64, several with spaces between them")] = "",
) -> Incoming:
    """Return the request, if its signature counts. Raises Unauthenticated, Tampered, TooManyRequests."""
    doors = doors_of(request)
    # A source whose secret is wrong locks out nobody else who comes from the same address.
    address = f"{source} {request.client.host if request.client is not None else 'unknown'}"
    services = doors.source.now()
    with transaction(services.engine) as session:
        found = source_with(session, source)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": webhook_timestamp,
        "webhook-signature": webhook_signature,
    }
    with _refusals_told(services.engine, found, webhook_id):
        try:
            identity = by_signature(services.seal, found, headers, body)
        except Unauthenticated:
            doors.lockout.failed(address)
            raise
        except Tampered as error:
            refusals.tell(services.engine, error)
            raise
        assert found is not None
        doors.lockout.succeeded(address)
        doors.pace.take(identity.key)
    acting = Acting(identity, services, Authenticated(identity), "", asked, f"{source.hex}:{webhook_id}")
    return Incoming(acting, found, webhook_id, body)


@router.post(
    "/{source}",
    status_code=201,
    response_model=Filed | ApprovalView,
    responses={**problems(404, 412, idempotent=True), 200: {"model": ApprovalView, "description": "Withdrawn"}},
    openapi_extra=_body(),
)
def receive(
    message: Annotated[Incoming, Depends(incoming)],
) -> Response:
    """Take a signed request: `approval.requested`, `approval.signed` or `approval.withdrawn`."""
    acting = message.acting
    with _refusals_told(acting.engine, message.source, message.id):
        match _read(message.body):
            case Requested(data=data):
                return approvals.file(data, acting)
            case Signed(data=data):
                return approvals.sign(data.approval_id, data, acting)
            case Withdrawn(data=data):
                reason = Reason(reason=data.reason)
                return approvals.cancel(data.approval_id, reason, acting)


def _read(body: bytes) -> Requested | Signed | Withdrawn:
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"][1:])) or "type"
        raise InvalidInput(f"{field}: {first['msg']}", hint="see /v1/openapi.json for what is accepted") from None


@contextmanager
def _refusals_told(engine: Engine, source: WebhookSource | None, message_id: str) -> Iterator[None]:
    """Put what is refused on the audit, once; strangers' guesses at a source are not told."""
    try:
        yield
    except _NO_REFUSAL:
        raise
    except CountersignError as error:
        # What tells of an attempt was told where it was found.
        if source is not None and refusals.event_of(error) is None:
            with transaction(engine) as session:
                tell_refused(session, source, message_id, error.message)
        raise
