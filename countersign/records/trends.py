"""Trends: what executions came to, from the counts of hours or days. Triggers count (migrations/versions/0021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from sqlalchemy import text
from sqlmodel import Session

from countersign.records.states import Grain


class Measure(StrEnum):
    """What is counted, each by a name."""

    OUTCOME = "outcome"
    """By "auto:" or "human:" and the outcome."""
    VERDICT = "verdict"
    """By "auto:" or "human:" and the verdict."""
    ROLLBACK = "rollback"
    """By the rollback's outcome."""
    RETRY = "retry"
    """Attempts after the first, by "auto" or "human"."""
    RULE = "rule"
    """What was blocked, by the check or the error's code."""
    TO_EFFECT = "to_effect"
    """By the time from the last signature, or from the time before which it was not to begin, to the first effect."""
    PEOPLE = "people"
    """By the time from filing to the last signature of what people approve."""


class Subject(StrEnum):
    """What executions are about; each is counted by its name, and as verified and effective."""

    ALERT = "alert"
    PLAYBOOK = "playbook"
    TARGET = "target"


# What was counted since then: a few names for each of at most a few dozen hours or days (pk_trend).
COUNTS = text("""
    SELECT at, measure, name, total FROM trend
    WHERE grain = :grain AND at >= :since AND measure = ANY (:measures) AND total > 0
    ORDER BY at, measure, name
""")

# The names that were counted most since then.
TOP = text("""
    SELECT name, sum(total) FILTER (WHERE measure = :subject) AS runs,
           sum(total) FILTER (WHERE measure = :subject || '_verified') AS verified,
           sum(total) FILTER (WHERE measure = :subject || '_effective') AS effective
    FROM trend
    WHERE grain = :grain AND at >= :since
      AND measure IN (:subject, :subject || '_verified', :subject || '_effective')
    GROUP BY name HAVING sum(total) FILTER (WHERE measure = :subject) > 0
    ORDER BY runs DESC, name LIMIT :limit
""")

PER_DOUBLING = 4
"""Lengths of time are counted in so many steps for each doubling of a millisecond."""


@dataclass(frozen=True)
class Counts:
    """What was counted in one hour or day."""

    at: datetime
    of: Mapping[Measure, Mapping[str, int]]


@dataclass(frozen=True)
class Top:
    """A name with what came of its executions."""

    name: str
    runs: int
    verified: int
    """With a verdict that says whether it was effective."""
    effective: int


def counts_since(session: Session, grain: Grain, since: datetime) -> Sequence[Counts]:
    """Return the counts of each hour or day from `since` on, oldest first; those without any are left out."""
    asked = {"grain": grain.value, "since": since, "measures": [each.value for each in Measure]}
    found = []
    for at, rows in groupby(session.execute(COUNTS, asked), key=attrgetter("at")):
        of: dict[Measure, dict[str, int]] = {measure: {} for measure in Measure}
        for row in rows:
            of[Measure(row.measure)][row.name] = row.total
        found.append(Counts(at, of))
    return found


def top_since(session: Session, grain: Grain, since: datetime, subject: Subject, *, limit: int = 10) -> Sequence[Top]:
    """Return the names of `subject` with the most executions from `since` on, most first."""
    asked = {"grain": grain.value, "since": since, "subject": subject.value, "limit": limit}
    return [
        Top(row.name, int(row.runs), int(row.verified or 0), int(row.effective or 0))
        for row in session.execute(TOP, asked)
    ]


def length_of(name: str) -> float:
    """Return the seconds in the middle of a step of lengths, which is given by its name. Pure."""
    return float(2 ** ((int(name) + 0.5) / PER_DOUBLING)) / 1000
