"""Lists of approvals with what became of each: one statement for a page of them, whatever its length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.outcomes import Outcome
from countersign.records.states import Verdict
from countersign.records.tables import Approval

# Signatures that say yes, the effective execution, the verdict on it and the execution that took it back, by
# approval. Each part is an access by index.
STANDINGS = text("""
    SELECT approval.id,
           (SELECT count(*) FROM signature
            WHERE signature.approval_id = approval.id AND signature.decision = 'approve') AS given,
           execution.outcome, evidence.verdict, back.outcome AS back
    FROM approval
    LEFT JOIN execution ON execution.approval_id = approval.id
     AND NOT execution.dry_run AND execution.rolls_back IS NULL AND execution.outcome IS DISTINCT FROM 'postponed'
    LEFT JOIN evidence_snapshot AS evidence ON evidence.execution_id = execution.id AND evidence.phase = 'after'
    LEFT JOIN execution AS back ON back.rolls_back = execution.id AND back.rolls_back IS NOT NULL
    WHERE approval.id = ANY(CAST(:ids AS uuid[]))
""")

# Of what ended last, the newest first (ix_execution_settled_at). Dry runs and what waits again are no endings.
LATELY = text("""
    SELECT approval_id, settled_at FROM execution
    WHERE settled_at IS NOT NULL AND NOT dry_run AND rolls_back IS NULL AND outcome <> 'postponed'
    ORDER BY settled_at DESC LIMIT :limit
""")


@dataclass(frozen=True)
class Standing:
    """What became of an approval so far."""

    given: int
    """Signatures that say yes."""
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    rollback: Outcome | None = None
    """Of the execution that took it back, or tried to."""

    @property
    def rolled_back(self) -> bool:
        """Whether it was taken back."""
        return self.rollback is not None and self.rollback.is_success


def standings(session: Session, approval_ids: Sequence[UUID]) -> Mapping[UUID, Standing]:
    """Return what became of each of these approvals."""
    rows = session.execute(STANDINGS, {"ids": list(approval_ids)})
    return {
        row.id: Standing(
            row.given,
            Outcome(row.outcome) if row.outcome else None,
            Verdict(row.verdict) if row.verdict else None,
            Outcome(row.back) if row.back else None,
        )
        for row in rows
    }


def approvals_by_id(session: Session, approval_ids: Iterable[UUID]) -> Mapping[UUID, Approval]:
    """Return these approvals, as far as they are there."""
    query = select(Approval).where(col(Approval.id).in_(list(approval_ids)))
    return {row.id: row for row in session.exec(query)}


def ended_lately(session: Session, *, limit: int = 5) -> Mapping[UUID, datetime]:
    """Return the approvals that were executed last with when each ended, the newest first."""
    return {row.approval_id: row.settled_at for row in session.execute(LATELY, {"limit": limit})}
