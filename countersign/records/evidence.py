"""Evidence: what the target looked like before an execution and after it, with the verification's verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean_json
from countersign.records.states import EvidencePhase, Verdict
from countersign.records.tables import EvidenceSnapshot

# Keep what was there before. Whoever takes over looks anew as long as nothing was sent; afterwards only the first
# look is certainly from before.
BEFORE = text("""
    INSERT INTO evidence_snapshot (id, execution_id, incident_id, phase, objects, verification, taken_at)
    SELECT :id, execution.id, approval.incident_id, 'before', :objects, :verification, :taken_at
    FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.id = :execution_id
    ON CONFLICT (execution_id, phase) DO UPDATE
    SET objects = excluded.objects, verification = excluded.verification, taken_at = excluded.taken_at
    WHERE NOT EXISTS (SELECT FROM journal_entry WHERE journal_entry.execution_id = excluded.execution_id)
""").bindparams(bindparam("objects", type_=JSONB), bindparam("verification", type_=JSONB(none_as_null=True)))

# Keep what was there afterwards. A verification that runs again replaces what it saw.
AFTER = text("""
    INSERT INTO evidence_snapshot (id, execution_id, incident_id, phase, objects, verdict, verification, taken_at)
    SELECT :id, execution.id, approval.incident_id, 'after', :objects, :verdict, :verification, :taken_at
    FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.id = :execution_id
    ON CONFLICT (execution_id, phase) DO UPDATE SET
        objects = excluded.objects, verdict = excluded.verdict, verification = excluded.verification,
        taken_at = excluded.taken_at
    RETURNING id
""").bindparams(bindparam("objects", type_=JSONB), bindparam("verification", type_=JSONB))


@dataclass(frozen=True)
class Seen:
    """What was observed, and when."""

    at: datetime
    objects: Mapping[str, Any]
    """By target key (ObjectRef.key)."""

    @classmethod
    def of(cls, at: str, objects: Mapping[str, Any]) -> "Seen":
        """Return what a snapshot holds whose time is RFC 3339 text."""
        return cls(datetime.fromisoformat(at), objects)


def store_before(
    session: Session, execution_id: UUID, seen: Seen, *, verification: Mapping[str, Any] | None = None
) -> None:
    """Keep the baseline, unless something was sent since an earlier one.

    `verification` is what was asked beside the target.
    """
    session.execute(
        BEFORE,
        {
            "id": new_id(),
            "execution_id": execution_id,
            "objects": clean_json(seen.objects),
            "verification": None if verification is None else clean_json(verification),
            "taken_at": seen.at,
        },
    )


def store_after(
    session: Session, execution_id: UUID, seen: Seen, *, verdict: Verdict, verification: Mapping[str, Any]
) -> UUID:
    """Keep what was seen afterwards with its verdict, in place of an earlier one, and return the row's id."""
    row = session.execute(
        AFTER,
        {
            "id": new_id(),
            "execution_id": execution_id,
            "objects": clean_json(seen.objects),
            "verdict": verdict.value,
            "verification": clean_json(verification),
            "taken_at": seen.at,
        },
    ).one()
    found: UUID = row.id
    return found


def evidence_of(session: Session, execution_id: UUID) -> dict[EvidencePhase, EvidenceSnapshot]:
    """Return the execution's snapshots by phase."""
    query = select(EvidenceSnapshot).where(col(EvidenceSnapshot.execution_id) == execution_id)
    return {row.phase: row for row in session.exec(query.execution_options(populate_existing=True))}
