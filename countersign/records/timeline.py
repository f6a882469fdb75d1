"""The timeline: what happened to an approval or an incident, told for people. Rows are never changed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import InvalidInput
from countersign.records.database.storable import clean, told
from countersign.records.states import EventStatus
from countersign.records.tables import TimelineEvent

# Tell an event; one that was told before under the same once_key is not told again.
ADD = text("""
    INSERT INTO timeline_event (approval_id, incident_id, type, status, title, description, actor, actor_role,
                                once_key, at)
    VALUES (:approval_id, :incident_id, :type, :status, :title, :description, :actor, :actor_role, :once_key,
            clock_timestamp())
    ON CONFLICT (once_key) DO NOTHING
    RETURNING seq
""")

# Which approvals the newest events are about; `seq` is the order of the table itself.
NEWEST = text("SELECT coalesce(max(seq), 0) FROM timeline_event")
APPROVALS_SINCE = text("""
    SELECT DISTINCT approval_id FROM (
        SELECT approval_id FROM timeline_event WHERE seq > :after ORDER BY seq DESC LIMIT :limit
    ) AS newest WHERE approval_id IS NOT NULL
""")


def add_event(
    session: Session,
    *,
    type: str,
    status: EventStatus,
    title: str,
    actor: str,
    actor_role: str,
    approval_id: UUID | None = None,
    incident_id: str | None = None,
    description: str = "",
    once_key: str | None = None,
) -> bool:
    """Tell an event about an approval, an incident or both; return False if `once_key` had told it already.

    `type` is a stable word ("execution_started"), `actor_role` requester, approver, executor or system.
    """
    if approval_id is None and incident_id is None:
        raise InvalidInput("a timeline event needs an approval_id or an incident_id")
    row = session.execute(
        ADD,
        {
            "approval_id": approval_id,
            "incident_id": incident_id,
            "type": type,
            "status": status.value,
            "title": told(title),
            "description": told(description),
            "actor": clean(actor),
            "actor_role": actor_role,
            "once_key": once_key,
        },
    ).one_or_none()
    return row is not None


def events_of(
    session: Session,
    *,
    approval_id: UUID | None = None,
    incident_id: str | None = None,
    after: int = 0,
    limit: int = 500,
) -> Sequence[TimelineEvent]:
    """Return the events about an approval or an incident in their order; `after` is the last `seq` seen."""
    if (approval_id is None) == (incident_id is None):
        raise InvalidInput("ask for the events of one approval_id or of one incident_id")
    query = select(TimelineEvent).where(col(TimelineEvent.seq) > after)
    if approval_id is not None:
        query = query.where(col(TimelineEvent.approval_id) == approval_id)
    else:
        query = query.where(col(TimelineEvent.incident_id) == incident_id)
    return session.exec(query.order_by(col(TimelineEvent.seq)).limit(limit)).all()


def newest_event(session: Session) -> int:
    """Return the `seq` of the newest event, 0 where nothing was told yet."""
    return int(session.execute(NEWEST).scalar_one())


def approvals_told_of(session: Session, *, after: int, limit: int = 500) -> Sequence[UUID]:
    """Return which approvals the events after a `seq` are about, the newest `limit` of these events.

    Events become visible in the order of their commits, which is roughly that of `seq`: who must miss none asks from
    a little earlier on.
    """
    return list(session.execute(APPROVALS_SINCE, {"after": after, "limit": limit}).scalars())
