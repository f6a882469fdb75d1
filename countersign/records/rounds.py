"""The record of reconciliation's rounds, by part: what the last one came to, and the totals, for metrics."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.database.storable import told
from countersign.records.findings import Looked
from countersign.records.tables import ReconciliationPart

# Write over what the last round came to, and count on.
NOTE = text("""
    INSERT INTO reconciliation_part AS part
        (part, looked_at, found, failed, oldest_seconds, problem,
         rounds_total, found_total, failed_total, problems_total)
    VALUES (:part, clock_timestamp(), :found, :failed, :oldest_seconds, :problem,
            1, :found, :failed, :problems)
    ON CONFLICT (part) DO UPDATE SET
        looked_at = excluded.looked_at, found = excluded.found, failed = excluded.failed,
        oldest_seconds = excluded.oldest_seconds, problem = excluded.problem,
        rounds_total = part.rounds_total + 1, found_total = part.found_total + excluded.found,
        failed_total = part.failed_total + excluded.failed,
        problems_total = part.problems_total + excluded.problems_total
""")


def note_round(session: Session, looked: Sequence[Looked]) -> None:
    """Put on record what a round came to. Two rounds at once are both counted; the later one is shown."""
    # In one order, so that two rounds do not wait for each other.
    for each in sorted(looked, key=lambda one: one.part):
        session.execute(
            NOTE,
            {
                "part": each.part,
                "found": len(each.findings),
                "failed": each.failed,
                "oldest_seconds": each.oldest_seconds,
                "problem": None if each.problem is None else told(each.problem),
                "problems": int(each.problem is not None),
            },
        )


def parts_of_rounds(session: Session) -> Sequence[ReconciliationPart]:
    """Return every part's row, by name."""
    return session.exec(select(ReconciliationPart).order_by(col(ReconciliationPart.part))).all()
