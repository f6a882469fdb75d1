"""Observations: what executions showed about a playbook or a kind of repair, and what they come to.

An observation is counted by its own transaction, in whole numbers: what they come to depends neither on what was
observed twice nor on the order, and is read without reading the observations.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from countersign.records.database.storable import clean

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

# The newest observations of each subject (ix_trust_observation_subject_at).
NEWEST = text("""
    SELECT newest.* FROM unnest(CAST(:subjects AS text[])) AS asked (subject), LATERAL (
        SELECT * FROM trust_observation AS seen
        WHERE seen.subject = asked.subject AND at >= :since ORDER BY at DESC LIMIT :limit
    ) AS newest
    ORDER BY at, execution_id
""")

# Count by this half-life, unless it is counted by.
IS_COUNTED_BY = text("SELECT EXISTS (SELECT FROM trust_half_life WHERE seconds = :half_life)")
COUNT_BY = text("SELECT trust_count_by(:half_life)")

# What was observed in these half-lives.
TALLIES = text("""
    SELECT subject, period, effective, weight, runs, last_at FROM trust_tally
    WHERE half_life_seconds = :half_life AND subject = ANY (:subjects) AND period >= :first
    ORDER BY period
""")

# Every playbook and kind of repair that was observed in these half-lives, by name; the steps of a playbook are a part
# of it. Without the steps' names in between: there are as many as versions.
SUBJECTS = text("""
    SELECT DISTINCT subject FROM trust_tally
    WHERE half_life_seconds = :half_life AND period >= :first AND runs > 0 AND subject < 'steps:'
    ORDER BY subject LIMIT :limit
""")

UNIT = 2**32
"""What an observation of weight 1 counts as at the beginning of its half-life."""
NEWEST_JUDGED = 1_000
"""Observations of one subject that are looked at one by one."""


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
    session: Session, subjects: Sequence[str], *, since: datetime, limit: int = NEWEST_JUDGED
) -> Mapping[str, Sequence[Observation]]:
    """Return the newest `limit` that were observed since then about each of `subjects`, oldest first; nothing is an
    empty list.
    """
    found: dict[str, list[Observation]] = defaultdict(list, {subject: [] for subject in subjects})
    for row in session.execute(NEWEST, {"subjects": list(subjects), "since": since, "limit": limit}):
        found[row.subject].append(Observation(row.execution_id, row.effect, row.weight, row.basis, row.at))
    return dict(found)


@dataclass(frozen=True)
class Tally:
    """What the observations of one half-life come to."""

    period: int
    """Half-lives from 1970 to its beginning."""
    effective: float
    """By their weights at its beginning; so is `weight`."""
    weight: float
    runs: int
    last_at: datetime


def count_by(session: Session, half_life_seconds: float) -> None:
    """See to it that observations are counted by this half-life; the first time reads them all.

    Call it before anything is observed in this transaction: it waits for whoever is observing.
    """
    if not session.execute(IS_COUNTED_BY, {"half_life": half_life_seconds}).scalar_one():
        session.execute(COUNT_BY, {"half_life": half_life_seconds})


def tallies_of(
    session: Session, subjects: Sequence[str], *, half_life_seconds: float, first: int
) -> Mapping[str, Sequence[Tally]]:
    """Return what was observed about each of `subjects` from the half-life `first` on, by half-lives."""
    count_by(session, half_life_seconds)
    found: dict[str, list[Tally]] = defaultdict(list, {subject: [] for subject in subjects})
    asked = {"half_life": half_life_seconds, "subjects": list(subjects), "first": first}
    for row in session.execute(TALLIES, asked):
        tally = Tally(row.period, row.effective / UNIT, row.weight / UNIT, row.runs, row.last_at)
        found[row.subject].append(tally)
    return dict(found)


def observed_subjects(session: Session, *, half_life_seconds: float, first: int, limit: int = 500) -> Sequence[str]:
    """Return the subjects that were observed from the half-life `first` on, by name."""
    count_by(session, half_life_seconds)
    asked = {"half_life": half_life_seconds, "first": first, "limit": limit}
    return list(session.execute(SUBJECTS, asked).scalars())
