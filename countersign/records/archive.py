"""Which approvals are closed for good, and which files hold what has left the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import Archived
from countersign.records.archive_rows import ARCHIVED
from countersign.records.audit_events import Event
from countersign.records.audit_sources import ARCHIVE_FILE, tell
from countersign.records.states import EventStatus
from countersign.records.tables import ArchiveFile, TimelineEvent

# Approvals that were filed in a month and closed before `before`, with rows that move (ix_approval_created_at_id).
# Not closed: what runs, what nobody could tell, what is looked at again, what still follows, a letter that waits for
# a replay, a repair whose incident is not known, an incident that is not over.
CLOSED = text(f"""
    SELECT id, created_at FROM approval
    WHERE created_at >= :since AND created_at < :until AND (created_at, id) > (:after_at, :after_id)
      AND status IN ('rejected', 'expired', 'cancelled', 'executed', 'failed') AND updated_at < :before
      AND NOT EXISTS (
        SELECT FROM execution
        WHERE execution.approval_id = approval.id
          AND (settled_at IS NULL OR settled_at >= :before OR outcome = 'unknown' OR look_again_until IS NOT NULL
               OR EXISTS (SELECT FROM ledger_step AS step WHERE step.execution_id = execution.id
                          AND (status IN ('pending', 'running') OR ended_at >= :before))
               OR EXISTS (SELECT FROM dead_letter AS letter
                          WHERE letter.execution_id = execution.id AND resolved_at IS NULL)
               OR EXISTS (SELECT FROM auto_repair AS repair
                          WHERE repair.execution_id = execution.id AND repair.status = 'pending')
               OR EXISTS (SELECT FROM automation_operation_log AS log
                          WHERE log.execution_id = execution.id AND log.status = 'pending')))
      AND NOT EXISTS (SELECT FROM incident WHERE incident.id = approval.incident_id
                      AND incident.status IN ('open', 'investigating', 'mitigating'))
      AND EXISTS (SELECT FROM timeline_event AS event
                  WHERE event.approval_id = approval.id AND event.type <> '{ARCHIVED}')
    ORDER BY created_at, id LIMIT :limit
""")  # noqa: S608 - a constant of another module

# When the first approval was filed, and the first webhook told.
OLDEST = text("""
    SELECT least((SELECT min(created_at) FROM approval),
                 (SELECT at FROM webhook_delivery ORDER BY seq LIMIT 1))
""")

# Whether this role may have rows leave.
MAY_ARCHIVE = text("SELECT has_table_privilege('timeline_event', 'DELETE')")

ADD = text("""
    INSERT INTO archive_file (name, month, sha256, bytes, approvals, rows, written_by)
    VALUES (:name, :month, :sha256, :bytes, :approvals, :rows, :by) RETURNING id
""").bindparams(bindparam("rows", type_=JSONB))

# Say on each approval's timeline, and so on its incident's, where the rest is.
SAY_WHERE = text(f"""
    INSERT INTO timeline_event (approval_id, incident_id, type, status, title, description, actor, actor_role,
                                once_key)
    SELECT id, incident_id, '{ARCHIVED}', '{EventStatus.INFO.value}', :title, :name, :by, 'system',
           '{ARCHIVED}:' || :name || ':' || id
    FROM approval WHERE id = ANY (:approvals)
""")  # noqa: S608 - constants

EMPTIED = text("UPDATE archive_file SET emptied_at = clock_timestamp() WHERE id = :id AND emptied_at IS NULL")


@dataclass(frozen=True)
class Place:
    """Where a reading of a month's approvals is."""

    at: datetime
    approval_id: UUID


@dataclass(frozen=True)
class NewFile:
    """A file that was written, and read back."""

    name: str
    month: date
    sha256: str
    size: int
    """Bytes."""
    rows: Mapping[str, int]
    approvals: Sequence[UUID]


def closed_approvals(
    session: Session, *, since: datetime, until: datetime, before: datetime, after: Place, limit: int
) -> Sequence[Place]:
    """Return approvals filed from `since` up to `until` that were closed before `before`, in their order."""
    asked = {"since": since, "until": until, "before": before, "limit": limit}
    found = session.execute(CLOSED, {**asked, "after_at": after.at, "after_id": after.approval_id})
    return [Place(row.created_at, row.id) for row in found]


def oldest(session: Session) -> datetime | None:
    """Return from when the oldest is that may move, None where there is nothing."""
    found: datetime | None = session.execute(OLDEST).scalar_one()
    return found


def may_archive(session: Session) -> bool:
    """Tell whether the role of this session may have rows leave."""
    return bool(session.execute(MAY_ARCHIVE).scalar_one())


def add_file(session: Session, file: NewFile, *, title: str, by: str) -> int:
    """Put a file on record, on the audit, and on the timelines of whose rows it holds; return its number."""
    made = session.execute(
        ADD,
        {
            "name": file.name,
            "month": file.month,
            "sha256": file.sha256,
            "bytes": file.size,
            "approvals": len(file.approvals),
            "rows": dict(file.rows),
            "by": by,
        },
    )
    number = int(made.scalar_one())
    session.execute(SAY_WHERE, {"approvals": list(file.approvals), "title": title, "name": file.name, "by": by})
    tell(session, Event.ARCHIVE_WRITTEN, ARCHIVE_FILE, number)
    return number


def files(session: Session) -> Sequence[ArchiveFile]:
    """Return every file on record, the oldest month first."""
    return session.exec(select(ArchiveFile).order_by(col(ArchiveFile.month), col(ArchiveFile.id))).all()


def file_named(session: Session, name: str) -> ArchiveFile | None:
    """Return the file's row, None where there is none."""
    return session.exec(select(ArchiveFile).where(col(ArchiveFile.name) == name)).one_or_none()


def mark_emptied(session: Session, file_id: int) -> None:
    """Say that the tables have none of the file's rows any more."""
    session.execute(EMPTIED, {"id": file_id})


def require_here(session: Session, approval_id: UUID, what: str) -> None:
    """Raise Archived where the archive holds rows of this approval: `what` is not empty, it has moved."""
    if moved := files_with(session, approval_id):
        raise Archived(
            f"{what} of approval {approval_id} moved to the archive: {', '.join(moved)}",
            hint=f"`countersign archive show {approval_id}` shows them where the files are",
        )


def files_with(session: Session, approval_id: UUID) -> Sequence[str]:
    """Return the names of the files that hold rows of an approval, in the order in which they were written."""
    query = select(TimelineEvent.description).where(
        col(TimelineEvent.approval_id) == approval_id, col(TimelineEvent.type) == ARCHIVED
    )
    return session.exec(query.order_by(col(TimelineEvent.seq))).all()
