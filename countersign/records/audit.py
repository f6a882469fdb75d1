"""The audit's door: whatever is decided, meant, done or refused appends one row, in the transaction that does it.

    audit.record(session, Event.TAMPERING_PLAN, approval_id=approval_id, actor=worker, details={"step": step})

A refusal that ends in an exception rolls its transaction back, and with it the row: record it in a transaction of
its own. What writes a record of its own kind uses `countersign.records.audit_sources.tell` instead, so that the
record can be compared with its row later.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.metrics.audit import EVENTS
from countersign.records.audit_events import Event
from countersign.records.counting import count_when_committed
from countersign.records.database.storable import clean, told_json

__all__ = ["SYSTEM", "Event", "record"]

SYSTEM: Final = "countersign"
"""The actor where no person and no worker acts."""

# Append a row.
APPEND = text("SELECT audit_append(:chain, :event, :actor, :about, :details)").bindparams(
    bindparam("details", type_=JSONB)
)


def record(
    session: Session,
    event: Event,
    *,
    actor: str = SYSTEM,
    approval_id: UUID | None = None,
    about: str = "",
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> int:
    """Append one row and return its number. It goes into the chain of its approval, else of the event's source; of
    what has a `subject` (an incident) each subject has one.

    `about` names the record that it tells of, "journal_entry:12". Secrets in `details` are masked before anything
    is hashed. The row exists if the transaction commits, and only then.
    """
    asked = {
        "chain": clean(_chain(event, subject)) if approval_id is None else str(approval_id),
        "event": event.value,
        "actor": clean(actor),
        "about": about,
        "details": told_json(details or {}),
    }
    count_when_committed(session, EVENTS, event=event.value)
    return int(session.execute(APPEND, asked).scalar_one())


def _chain(event: Event, subject: str) -> str:
    return f"{event.source}:{subject}" if subject else event.source
