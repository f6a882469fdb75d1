"""Trends: how often it worked, how long it took and what stood in the way, in a day, a week or a month.

Everything here is made of counts (records/trends.py): rates of them, and percentiles from lengths of time that are
counted in steps of a fifth.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlmodel import Session

from countersign.records.database.engine import clock
from countersign.records.outcomes import Outcome
from countersign.records.states import Grain, Verdict
from countersign.records.trends import Counts, Measure, Subject, Top, counts_since, length_of, top_since

Kind = TypeVar("Kind", bound=StrEnum)
AUTO, HUMAN = "auto", "human"
PERFORMED = (Outcome.SUCCESS, Outcome.FAILED, Outcome.UNKNOWN)
"""Outcomes of what was attempted; the rate of success is of them."""
JUDGED = (Verdict.EFFECTIVE, Verdict.INEFFECTIVE, Verdict.WORSE)
"""Verdicts that say something; the rate of effective ones is of them."""
TOP_SHOWN = 10


class Window(StrEnum):
    """How far back a trend goes: the hour or day of now, and those before it."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_GRAINS: Mapping[Window, tuple[Grain, int]] = {
    Window.DAY: (Grain.HOUR, 24),
    Window.WEEK: (Grain.DAY, 7),
    Window.MONTH: (Grain.DAY, 30),
}


@dataclass(frozen=True)
class Lengths:
    """How long something took."""

    count: int
    median_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True)
class Figures:
    """What was counted, of one hour or day or of the whole window."""

    outcomes: Mapping[Outcome, int]
    verdicts: Mapping[Verdict, int]
    automatic: int
    human: int
    rollbacks: Mapping[Outcome, int]
    """By what became of taking back."""
    retries: int
    """Attempts after the first."""
    rules: Mapping[str, int]
    """What was blocked, by the check or the error's code, most first."""
    to_effect: Lengths
    """From the last signature, or from the time before which it was not to begin, to the first effect."""
    people: Lengths
    """From filing to the last signature, of what people approve."""

    @property
    def executions(self) -> int:
        """Executions that ended."""
        return sum(self.outcomes.values())

    @property
    def success_rate(self) -> float | None:
        """Of those that were attempted; None without any."""
        return _rate(self.outcomes, Outcome.SUCCESS, PERFORMED)

    @property
    def effective_rate(self) -> float | None:
        """Of those whose verdict says something; None without any."""
        return _rate(self.verdicts, Verdict.EFFECTIVE, JUDGED)


@dataclass(frozen=True)
class Trends:
    """A window with its hours or days."""

    window: Window
    grain: Grain
    since: datetime
    until: datetime
    whole: Figures
    slots: Sequence[tuple[datetime, Figures]]
    """Every hour or day from `since` on, oldest first, those without executions too."""
    top: Mapping[Subject, Sequence[Top]]


def trends(session: Session, window: Window) -> Trends:
    """Return what was counted in a window up to now; reads few rows, however many executions there were."""
    grain, number = _GRAINS[window]
    now = clock(session)
    moments = moments_of(grain, number, now)
    counted = counts_since(session, grain, moments[0])
    return Trends(
        window=window,
        grain=grain,
        since=moments[0],
        until=now,
        whole=figures_of(counted),
        slots=[(moment, figures_of(each for each in counted if each.at == moment)) for moment in moments],
        top={subject: top_since(session, grain, moments[0], subject, limit=TOP_SHOWN) for subject in Subject},
    )


def moments_of(grain: Grain, number: int, now: datetime) -> Sequence[datetime]:
    """Return the beginnings of the last `number` hours or days of UTC, that of now as the last one. Pure."""
    last = now.replace(minute=0, second=0, microsecond=0)
    step = timedelta(hours=1)
    if grain is Grain.DAY:
        last, step = last.replace(hour=0), timedelta(days=1)
    return [last - step * back for back in reversed(range(number))]


def figures_of(counted: Iterable[Counts]) -> Figures:
    """Return what the counts come to. Pure."""
    totals: dict[Measure, Counter[str]] = {measure: Counter() for measure in Measure}
    for counts in counted:
        for measure, names in counts.of.items():
            totals[measure].update(names)
    outcomes, verdicts, modes = Counter[Outcome](), Counter[Verdict](), Counter[str]()
    for name, total in totals[Measure.OUTCOME].items():
        mode, _, outcome = name.partition(":")
        outcomes[Outcome(outcome)] += total
        modes[mode] += total
    for name, total in totals[Measure.VERDICT].items():
        verdicts[Verdict(name.partition(":")[2])] += total
    return Figures(
        outcomes=outcomes,
        verdicts=verdicts,
        automatic=modes[AUTO],
        human=modes[HUMAN],
        rollbacks={Outcome(name): total for name, total in totals[Measure.ROLLBACK].items()},
        retries=totals[Measure.RETRY].total(),
        rules=dict(sorted(totals[Measure.RULE].items(), key=lambda rule: (-rule[1], rule[0]))),
        to_effect=lengths_of(totals[Measure.TO_EFFECT]),
        people=lengths_of(totals[Measure.PEOPLE]),
    )


def lengths_of(steps: Mapping[str, int]) -> Lengths:
    """Return median and 95th percentile of lengths that were counted by steps. Pure."""
    lengths = sorted((length_of(name), total) for name, total in steps.items())
    count = sum(total for _, total in lengths)
    return Lengths(count, _at(lengths, 0.5, count), _at(lengths, 0.95, count))


def _at(lengths: Sequence[tuple[float, int]], share: float, count: int) -> float | None:
    passed = 0
    for seconds, total in lengths:
        passed += total
        if passed >= share * count:
            return seconds
    return None


def _rate(counts: Mapping[Kind, int], good: Kind, among: Iterable[Kind]) -> float | None:
    of = sum(counts.get(each, 0) for each in among)
    return counts.get(good, 0) / of if of else None
