"""How often names were looked for, and what became of it: totals, for metrics."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlmodel import Session, select

from countersign.records.states import ResolutionResult
from countersign.records.tables import ResolutionTotal

# Count on.
COUNT = text("""
    INSERT INTO resolution_total AS counted (result, total) VALUES (:result, 1)
    ON CONFLICT (result) DO UPDATE SET total = counted.total + 1, last_at = clock_timestamp()
""")


def count_resolution(session: Session, result: ResolutionResult) -> None:
    """Count one more of these."""
    session.execute(COUNT, {"result": result.value})


def resolutions(session: Session) -> Mapping[ResolutionResult, int]:
    """Return the totals; what never happened is 0."""
    found = {row.result: row.total for row in session.exec(select(ResolutionTotal))}
    return {result: found.get(result, 0) for result in ResolutionResult}
