"""Webhooks on record: where each stands in the order of the audit's sealed rows, and what it is to be told next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.database.engine import clock
from countersign.records.states import WebhookResult
from countersign.records.tables import Webhook, WebhookDelivery
from countersign.records.tables.webhooks import DELIVERY_ERROR_LIMIT

MOST_WEBHOOKS = 100
_HINT = "`countersign webhooks list` shows them"

# How many rows are sealed: places before it are taken, without a gap.
SIZE = text("SELECT coalesce(max(leaf_index), -1) + 1 FROM audit_leaf")

# Webhooks that have not looked at every sealed row, and need not wait before they go on.
DUE = text("""
    SELECT id FROM webhook
    WHERE enabled AND ended_at IS NULL AND (next_try_at IS NULL OR next_try_at <= clock_timestamp())
        AND position < (SELECT coalesce(max(leaf_index), -1) + 1 FROM audit_leaf)
    ORDER BY id
""")

# The sealed rows of some kinds between two places, in their order.
BETWEEN = text("""
    SELECT leaf_index, leaf.hash AS leaf_hash, event.id, chain, position, event, actor, about,
           details::text AS details, at, previous, event.hash
    FROM audit_leaf AS leaf JOIN audit_event AS event ON event.id = leaf.event_id
    WHERE leaf_index >= :first AND leaf_index < :end AND event = ANY(:events)
    ORDER BY leaf_index LIMIT :limit
""").bindparams(bindparam("events", type_=ARRAY(Text())))

# The first sealed row that is not older than a time; rows are sealed nearly in the order of their times, so a little
# more is repeated rather than anything left out.
SINCE = text("""
    SELECT min(leaf_index) FROM audit_leaf JOIN audit_event AS event ON event.id = event_id WHERE at >= :since
""")

# Where a row of the audit stands, once it is sealed.
PLACE = text("SELECT leaf_index FROM audit_leaf WHERE event_id = :event_id")

# Go on to a place, if it still stands where the one who asks has seen it.
GO_ON = text("""
    UPDATE webhook SET position = :to, attempts = 0, next_try_at = NULL
    WHERE id = :id AND position = :position AND attempts = :attempts
""")

# Have the event that is its turn tried again later, under the same condition.
PUT_OFF = text("""
    UPDATE webhook
    SET attempts = attempts + 1, next_try_at = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :id AND position = :position AND attempts = :attempts
""")

# Tell it of nothing, or again, from where it stands.
SWITCH = text("""
    UPDATE webhook SET enabled = :enabled, attempts = 0, next_try_at = NULL WHERE id = :id AND ended_at IS NULL
""")

# Begin again at a place.
GO_BACK = text("""
    UPDATE webhook SET position = :to, attempts = 0, next_try_at = NULL WHERE id = :id AND ended_at IS NULL
""")

END = text("UPDATE webhook SET ended_at = clock_timestamp(), ended_by = :by WHERE id = :id AND ended_at IS NULL")

# What became of telling each webhook last.
LAST = text("""
    SELECT DISTINCT ON (webhook_id) webhook_id, result, at FROM webhook_delivery
    WHERE webhook_id = ANY(:ids) ORDER BY webhook_id, seq DESC
""")


@dataclass(frozen=True)
class Stand:
    """Where a webhook stood when it was read; who has moved it meanwhile counts."""

    webhook_id: UUID
    position: int
    attempts: int


@dataclass(frozen=True)
class Attempt:
    """What became of telling a webhook of an event."""

    leaf: int
    number: int
    result: WebhookResult
    http_status: int | None = None
    error: str = ""


def keep_webhook(session: Session, row: Webhook) -> None:
    """Put a webhook on record, or what has changed of it."""
    session.add(row)
    session.flush()


def get_webhook(session: Session, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    """Return a webhook as it is now, ended ones too; `lock` keeps others from changing it. Raises NotFound."""
    query = select(Webhook).where(col(Webhook.id) == webhook_id).execution_options(populate_existing=True)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"webhook {webhook_id} does not exist", hint=_HINT)
    return found


def webhooks(session: Session) -> Sequence[Webhook]:
    """Return the webhooks that have not been removed, oldest first."""
    query = select(Webhook).where(col(Webhook.ended_at).is_(None)).order_by(col(Webhook.created_at), col(Webhook.id))
    return session.exec(query.limit(MOST_WEBHOOKS)).all()


def last_results(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[WebhookResult, datetime]]:
    """Return what became of telling each of them last, and when."""
    rows = session.execute(LAST, {"ids": list(ids)})
    return {row.webhook_id: (WebhookResult(row.result), row.at) for row in rows}


def webhooks_due(session: Session) -> Sequence[UUID]:
    """Return the webhooks that may go on now and have rows before them."""
    return session.execute(DUE).scalars().all()


def sealed_rows(session: Session) -> int:
    """Return how many rows are sealed."""
    return int(session.execute(SIZE).scalar_one())


def rows_between(session: Session, first: int, end: int, *, events: Sequence[str], limit: int) -> Sequence[Row[Any]]:
    """Return the sealed rows of these events from place `first` up to `end`, at most `limit`."""
    asked = {"first": first, "end": end, "events": list(events), "limit": limit}
    return session.execute(BETWEEN, asked).all()


def place_of(session: Session, event_id: int) -> int | None:
    """Return the place of a row of the audit, None before it is sealed."""
    return session.execute(PLACE, {"event_id": event_id}).scalar_one_or_none()


def place_since(session: Session, since: datetime) -> int:
    """Return the place of the first row that is not older; behind the last one where there is none."""
    found = session.execute(SINCE, {"since": since}).scalar_one()
    return sealed_rows(session) if found is None else int(found)


def go_on(session: Session, stand: Stand, to: int) -> None:
    """Have the webhook go on to a place, unless somebody has moved it."""
    session.execute(GO_ON, {**_asked(stand), "to": to})


def put_off(session: Session, stand: Stand, seconds: float) -> None:
    """Have the webhook try the same event again after `seconds`, unless somebody has moved it."""
    session.execute(PUT_OFF, {**_asked(stand), "seconds": seconds})


def go_back(session: Session, webhook_id: UUID, to: int) -> None:
    """Have the webhook begin again at a place."""
    session.execute(GO_BACK, {"id": webhook_id, "to": to})


def switch(session: Session, webhook_id: UUID, *, enabled: bool) -> None:
    """Have the webhook told of nothing, or told again from where it stands."""
    session.execute(SWITCH, {"id": webhook_id, "enabled": enabled})


def end_webhook(session: Session, webhook_id: UUID, *, by: str) -> None:
    """Have the webhook told of nothing any more, for good."""
    session.execute(END, {"id": webhook_id, "by": by})


def log_attempt(session: Session, webhook_id: UUID, attempt: Attempt) -> None:
    """Put an attempt on record."""
    session.add(
        WebhookDelivery(
            webhook_id=webhook_id,
            leaf=attempt.leaf,
            attempt=attempt.number,
            result=attempt.result,
            http_status=attempt.http_status,
            error=attempt.error[:DELIVERY_ERROR_LIMIT],
            at=clock(session),
        )
    )
    session.flush()


def deliveries(
    session: Session,
    webhook_id: UUID,
    *,
    result: WebhookResult | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Sequence[WebhookDelivery]:
    """Return attempts, the newest first; `before` is the `seq` that the page before ended with."""
    query = select(WebhookDelivery).where(col(WebhookDelivery.webhook_id) == webhook_id)
    if result is not None:
        query = query.where(col(WebhookDelivery.result) == result)
    if before is not None:
        query = query.where(col(WebhookDelivery.seq) < before)
    return session.exec(query.order_by(col(WebhookDelivery.seq).desc()).limit(limit)).all()


def _asked(stand: Stand) -> dict[str, Any]:
    return {"id": stand.webhook_id, "position": stand.position, "attempts": stand.attempts}
