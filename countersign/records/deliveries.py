"""Messages about executions: who may send one now, and what became of it.

An attempt begins on record before anything is sent and carries the fence of the step that makes it, so that a step
which was taken over sends nothing any more. What was sent is on record whoever sent it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import StaleFence
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT, clipped
from countersign.records.tables import Delivery

# Begin an attempt. No row comes back where the message was sent, or where a later runner has begun to send it.
BEGIN = text("""
    INSERT INTO delivery AS known (id, execution_id, channel, status, fence, attempts, tried_at)
    VALUES (:id, :execution_id, :channel, 'pending', :fence, 1, clock_timestamp())
    ON CONFLICT (execution_id, channel) DO UPDATE SET
        status = 'pending', fence = excluded.fence, attempts = known.attempts + 1, tried_at = clock_timestamp()
    WHERE known.status <> 'sent' AND known.fence <= excluded.fence
      AND (known.not_before IS NULL OR known.not_before <= clock_timestamp())
    RETURNING id
""")

# How it stands where no attempt could begin.
STANDING = text("""
    SELECT status, fence, error, extract(epoch FROM not_before - clock_timestamp())::float8 AS seconds
    FROM delivery WHERE execution_id = :execution_id AND channel = :channel
""")

# It was sent. Whoever sent it says so: the fence keeps others from sending, not from telling the truth.
SENT = text("""
    UPDATE delivery SET status = 'sent', sent_at = clock_timestamp(), error = NULL, not_before = NULL
    WHERE execution_id = :execution_id AND channel = :channel AND status <> 'sent'
""")

# It was not sent, for this reason; the service may have said for how long it is to be left alone.
FAILED = text("""
    UPDATE delivery
    SET status = 'failed', error = :error,
        not_before = clock_timestamp() + make_interval(secs => CAST(:seconds AS float8))
    WHERE execution_id = :execution_id AND channel = :channel AND status <> 'sent' AND fence = :fence
""")


@dataclass(frozen=True)
class Postponed:
    """The service asked to be left alone for longer."""

    seconds: float
    error: str


def begin_delivery(session: Session, execution_id: UUID, channel: str, *, fence: int) -> bool | Postponed:
    """Begin an attempt to tell `channel`; False where it was told, Postponed where it is too early. Raises
    StaleFence where a later runner of the step has begun one.
    """
    asked = {"execution_id": execution_id, "channel": channel}
    if session.execute(BEGIN, {"id": new_id(), "fence": fence, **asked}).one_or_none() is not None:
        return True
    row = session.execute(STANDING, asked).one()
    if row.status == "sent":
        return False
    if row.fence > fence:
        raise StaleFence(f"another runner tells {channel} of execution {execution_id}")
    return Postponed(max(row.seconds or 0.0, 0.0), row.error or "")


def record_sent(session: Session, execution_id: UUID, channel: str) -> None:
    """Put on record that `channel` was told."""
    session.execute(SENT, {"execution_id": execution_id, "channel": channel})


def record_failed(
    session: Session,
    execution_id: UUID,
    channel: str,
    *,
    fence: int,
    error: str,
    retry_after_seconds: float | None = None,
) -> None:
    """Put on record why `channel` was not told; `error` is without secrets. Harmless once it was told."""
    session.execute(
        FAILED,
        {
            "execution_id": execution_id,
            "channel": channel,
            "fence": fence,
            "error": clipped(error, ERROR_LIMIT),
            "seconds": retry_after_seconds,
        },
    )


def deliveries_of(session: Session, execution_id: UUID) -> Sequence[Delivery]:
    """Return the execution's deliveries by channel."""
    query = select(Delivery).where(col(Delivery.execution_id) == execution_id)
    return session.exec(query.order_by(col(Delivery.channel)).execution_options(populate_existing=True)).all()
