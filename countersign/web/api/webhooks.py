"""`/v1/webhooks`: who is told of what happens, what was sent to them, and who may ask by signed requests."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator
from sqlmodel import Session

from countersign.policy.roles import Permission
from countersign.records import webhook_sources
from countersign.records import webhooks as records
from countersign.records.states import WebhookResult
from countersign.records.tables import Webhook, WebhookDelivery, WebhookSource
from countersign.records.tables.webhooks import URL_LIMIT
from countersign.web.acting import Acting, Caller
from countersign.web.api.responses import problems
from countersign.web.api.words import LARGEST, Given, Word
from countersign.webhooks import sources, subscriptions

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    id: UUID
    url: str
    events: list[str]
    version: int = Field(description="of its secret")
    rotated_at: datetime | None
    created_by: str
    created_at: datetime
    enabled: bool = Field(description="false once its receiver answered that it is gone (410)")
    position: int = Field(description="place in the audit's order of the first event that it was not told of")
    attempts: int = Field(description="so far, of the event that is its turn")
    next_try_at: datetime | None


class NewWebhook(Given):
    """An address, and what it is told."""

    url: Annotated[str, StringConstraints(max_length=URL_LIMIT)] = Field(
        examples=["https://approvals.example.com/countersign"]
    )
    events: list[Word] = Field(
        description="patterns of events' names", examples=[["approval.*", "execution.settled"]]
    )


class MadeSecret(BaseModel):
    """The secret, shown this once: an answer that is repeated for its idempotency key has none."""

    id: UUID
    secret: str | None


class DeliveryView(BaseModel):
    """One attempt to tell a webhook of one event."""

    seq: int
    event: int = Field(description="the event's place in the audit's order")
    attempt: int
    result: WebhookResult
    http_status: int | None
    error: str
    at: datetime


class Again(Given):
    """What is sent again: one event, or everything since a time."""

    event: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    since: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.event is None) == (self.since is None):
            raise ValueError("give either event or since")
        return self


class SourceView(BaseModel):
    """A system that asks by signed requests, without its secret."""

    id: UUID
    subject: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class NewSource(Given):
    """Whose requests they are."""

    subject: Word = Field(description="a machine, as the policy's roles call it")


@router.get("", responses=problems())
def list_(acting: Caller) -> list[WebhookView]:
    """List the webhooks, oldest first."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        return [_view(row) for row in records.webhooks(session)]


@router.post("", status_code=201, response_model=MadeSecret, responses=problems(idempotent=True))
def add(body: NewWebhook, acting: Caller) -> Response:
    """Add a webhook, which is told of what happens from now on. Its secret is in this answer alone."""
    acting.require(Permission.GOVERN)

    def work(session: Session) -> MadeSecret:
        by, seal = acting.identity.name, acting.services.seal
        return _shown(subscriptions.add(session, seal, url=body.url, events=body.events, by=by))

    return acting.once(work, status=201, keep=_without_secret)


@router.get("/sources", responses=problems())
def list_sources(acting: Caller) -> list[SourceView]:
    """List the systems that ask by signed requests, newest first."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        return [_source(row) for row in webhook_sources.sources(session)]


@router.post("/sources/{source_id}/end", response_model=SourceView, responses=problems(404, idempotent=True))
def end_source(source_id: UUID, acting: Caller) -> Response:
    """Let a system ask no more."""
    acting.require(Permission.GOVERN)
    return acting.once(lambda session: _source(sources.end_source(session, source_id, by=acting.identity.name)))


@router.get("/{webhook_id}", responses=problems(404))
def show(webhook_id: UUID, acting: Caller) -> WebhookView:
    """Return a webhook."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        return _view(records.get_webhook(session, webhook_id))


@router.get("/{webhook_id}/deliveries", responses=problems(404))
def deliveries(
    webhook_id: UUID,
    acting: Caller,
    result: WebhookResult | None = None,
    before: Annotated[int | None, Query(ge=0, le=LARGEST, description="the last `seq` that was seen")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[DeliveryView]:
    """List the attempts to tell a webhook, newest first."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        records.get_webhook(session, webhook_id)
        rows = records.deliveries(session, webhook_id, result=result, before=before, limit=limit)
        return [_delivery(row) for row in rows]


@router.post("/{webhook_id}/rotate", response_model=MadeSecret, responses=problems(404, idempotent=True))
def rotate(webhook_id: UUID, acting: Caller) -> Response:
    """Give a webhook another secret, shown in this answer only. The one before signs as well for a day."""
    acting.require(Permission.GOVERN)

    def work(session: Session) -> MadeSecret:
        by, seal = acting.identity.name, acting.services.seal
        return _shown(subscriptions.rotate(session, seal, webhook_id, by=by))

    return acting.once(work, keep=_without_secret)


@router.post("/{webhook_id}/enable", response_model=WebhookView, responses=problems(404, idempotent=True))
def enable(webhook_id: UUID, acting: Caller) -> Response:
    """Tell a webhook of events again whose receiver had answered that it is gone."""

    def work(session: Session, by: str) -> None:
        subscriptions.enable(session, acting.services.seal, webhook_id, by=by)

    return _changed(acting, webhook_id, work)


@router.post(
    "/{webhook_id}/test", status_code=202, response_model=WebhookView, responses=problems(404, idempotent=True)
)
def test(webhook_id: UUID, acting: Caller) -> Response:
    """Have a test sent, in its turn; what came of it is among the deliveries."""

    def work(session: Session, by: str) -> None:
        subscriptions.test(session, acting.services.seal, webhook_id, by=by)

    return _changed(acting, webhook_id, work, status=202)


@router.post(
    "/{webhook_id}/replay", status_code=202, response_model=WebhookView, responses=problems(404, idempotent=True)
)
def replay(webhook_id: UUID, body: Again, acting: Caller) -> Response:
    """Have one event sent once more, or everything since a time; the receiver knows them by `webhook-id`."""

    def work(session: Session, by: str) -> None:
        if body.event is not None:
            subscriptions.replay_event(session, acting.services.seal, webhook_id, body.event, by=by)
        elif body.since is not None:
            subscriptions.replay_since(session, acting.services.seal, webhook_id, body.since, by=by)

    return _changed(acting, webhook_id, work, status=202)


@router.post("/{webhook_id}/remove", response_model=WebhookView, responses=problems(404, idempotent=True))
def remove(webhook_id: UUID, acting: Caller) -> Response:
    """Tell a webhook of nothing any more, for good."""
    return _changed(acting, webhook_id, lambda session, by: subscriptions.remove(session, webhook_id, by=by))


def _changed(
    acting: Acting, webhook_id: UUID, change: Callable[[Session, str], None], *, status: int = 200
) -> Response:
    acting.require(Permission.GOVERN)

    def work(session: Session) -> WebhookView:
        change(session, acting.identity.name)
        return _view(records.get_webhook(session, webhook_id))

    return acting.once(work, status=status)


def _without_secret(made: MadeSecret) -> MadeSecret:
    return made.model_copy(update={"secret": None})


def _shown(made: subscriptions.Made) -> MadeSecret:
    return MadeSecret(id=made.id, secret=made.secret.get_secret_value())


def _view(row: Webhook) -> WebhookView:
    return WebhookView(**row.model_dump(exclude={"mac", "ended_at", "ended_by"}))


def _delivery(row: WebhookDelivery) -> DeliveryView:
    return DeliveryView(**row.model_dump(exclude={"webhook_id", "leaf"}), event=row.leaf)


def _source(row: WebhookSource) -> SourceView:
    return SourceView(**row.model_dump(exclude={"mac", "ended_by"}))
