"""Systems whose signed requests are taken as their subjects', on record."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.tables import WebhookSource

LARGEST_PAGE = 100

END = text(
    "UPDATE webhook_source SET ended_at = clock_timestamp(), ended_by = :by WHERE id = :id AND ended_at IS NULL"
)


def add_source(session: Session, row: WebhookSource) -> None:
    """Put a source on record."""
    session.add(row)
    session.flush()


def source_with(session: Session, source_id: UUID) -> WebhookSource | None:
    """Return a source as it is now, None where there is none."""
    return session.get(WebhookSource, source_id, populate_existing=True)


def sources(session: Session) -> Sequence[WebhookSource]:
    """Return the sources that have not been ended, newest first."""
    query = select(WebhookSource).where(col(WebhookSource.ended_at).is_(None))
    return session.exec(query.order_by(col(WebhookSource.created_at).desc()).limit(LARGEST_PAGE)).all()


def end_source(session: Session, source_id: UUID, *, by: str) -> WebhookSource:
    """End a source and return its row; harmless for one that has ended. Raises NotFound."""
    session.execute(END, {"id": source_id, "by": by})
    found = source_with(session, source_id)
    if found is None:
        raise NotFound(f"source {source_id} does not exist", hint="`countersign webhooks sources list` shows them")
    return found
