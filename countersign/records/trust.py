"""Observations: what executions showed about a playbook or a kind of repair. Trust is computed from them when asked.

Nothing is added up here. A sum would depend on what was counted twice and in which order; a set of rows, one for
each execution and subject, does not.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.database.storable import clean
from countersign.records.tables import TrustObservation

# Write down what an execution showed. A second time only the heavier observation stays, of two equally heavy ones
# the less favourable, then the later: whichever comes first.
OBSERVE = text("""
    INSERT INTO trust_observation AS known (execution_id, subject, effect, weight, basis, at)
    VALUES (:execution_id, :subject, :effect, :weight, :basis, :at)
    ON CONFLICT (execution_id, subject) DO UPDATE
    SET effect = excluded.effect, weight = excluded.weight, basis = excluded.basis, at = excluded.at
    WHERE (excluded.weight, -excluded.effect, excluded.at, excluded.basis COLLATE "C")
        > (known.weight, -known.effect, known.at, known.basis)
""")

# Every playbook and kind of repair that was observed since then, by name; the steps of a playbook are a part of it.
SUBJECTS = text("""
    SELECT DISTINCT subject FROM trust_observation
    WHERE at >= :since AND NOT starts_with(subject, 'steps:') ORDER BY subject LIMIT :limit
""")


@dataclass(frozen=True)
class Observation:
    """What one execution showed about one subject."""

    execution_id: UUID
    effect: float
    """From 0 (no effect) to 1 (effective)."""
    weight: float
    """How much it says, before decay."""
    basis: str
    at: datetime


def observe(session: Session, subject: str, seen: Observation) -> None:
    """Write down what an execution showed about `subject`; harmless where it is on record."""
    session.execute(
        OBSERVE,
        {
            "execution_id": seen.execution_id,
            "subject": clean(subject),
            "effect": seen.effect,
            "weight": seen.weight,
            "basis": clean(seen.basis),
            "at": seen.at,
        },
    )


def observations_of(
    session: Session, subjects: Sequence[str], *, since: datetime
) -> Mapping[str, Sequence[Observation]]:
    """Return what was observed since then about each of `subjects`, oldest first; nothing is an empty list."""
    query = select(TrustObservation).where(
        col(TrustObservation.subject).in_(list(subjects)), col(TrustObservation.at) >= since
    )
    found: dict[str, list[Observation]] = defaultdict(list, {subject: [] for subject in subjects})
    for row in session.exec(query.order_by(col(TrustObservation.at), col(TrustObservation.execution_id))):
        found[row.subject].append(Observation(row.execution_id, row.effect, row.weight, row.basis, row.at))
    return dict(found)


def observed_subjects(session: Session, *, since: datetime, limit: int = 500) -> Sequence[str]:
    """Return the subjects that were observed since then, by name."""
    return list(session.execute(SUBJECTS, {"since": since, "limit": limit}).scalars())
