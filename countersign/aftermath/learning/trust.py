"""Trust: a Beta posterior over "a run is effective", as it is at the moment it is asked for.

Every observation weighs half as much after each half-life, so that what worked a year ago on another version says
little. The mean is shown to people; decisions use the lower bound, which is low both for what failed and for what
was hardly tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, fsum, sqrt

from sqlmodel import Session

from countersign.records.trust import Tally, tallies_of

Z = 1.96
"""Of the normal distribution: the bound is the lower end of a 95 % interval."""
HALF_LIVES_KEPT = 20
"""Older observations weigh less than a millionth and are not read."""


@dataclass(frozen=True)
class Trust:
    """What is known about a subject at one moment."""

    alpha: float
    beta: float
    bound: float
    """Wilson lower bound of the share of effective runs, 0 without observations."""
    runs: int
    """Executions that it is computed from."""

    @property
    def mean(self) -> float:
        """Of the posterior; 0.5 without observations."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def evidence(self) -> float:
        """Observations by their weights, decayed."""
        return self.alpha + self.beta - 2.0


def trust_from(tallies: Sequence[Tally], *, now: datetime, half_life_seconds: float) -> Trust:
    """Return the posterior with the prior Beta(1, 1) from what was counted by this half-life."""
    counted = [one for one in tallies if one.runs]
    # A clock that runs ahead must not make an observation count for more than one.
    moment = max([now, *(one.last_at for one in counted)]).timestamp() / half_life_seconds
    faded = {one.period: 0.5 ** (moment - one.period) for one in counted}
    effective = fsum(one.effective * faded[one.period] for one in counted)
    runs = fsum(one.weight * faded[one.period] for one in counted)
    return Trust(
        alpha=1.0 + effective,
        beta=1.0 + runs - effective,
        bound=wilson_lower_bound(effective, runs),
        runs=sum(one.runs for one in counted),
    )


def read_trust(
    session: Session, subjects: Sequence[str], *, now: datetime, half_life_seconds: float
) -> dict[str, Trust]:
    """Return the trust in each of `subjects` as it is at `now`; reads a row for each of a few half-lives."""
    first = first_period(now, half_life_seconds)
    found = tallies_of(session, subjects, half_life_seconds=half_life_seconds, first=first)
    return {
        subject: trust_from(tallies, now=now, half_life_seconds=half_life_seconds)
        for subject, tallies in found.items()
    }


def first_period(now: datetime, half_life_seconds: float) -> int:
    """Return the half-life, counted from 1970, before which nothing is read."""
    return floor(now.timestamp() / half_life_seconds) - HALF_LIVES_KEPT


def kept_since(now: datetime, half_life_seconds: float) -> datetime:
    """Return the moment before which observations are not read."""
    return now - timedelta(seconds=HALF_LIVES_KEPT * half_life_seconds)


def wilson_lower_bound(effective: float, runs: float) -> float:
    """Return the lower end of the score interval for `effective` out of `runs`; both may be fractions of runs.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212. Unlike the mean minus its deviation it stays within 0 and 1 and does
    not call one success out of one certain.
    """
    if runs <= 0:
        return 0.0
    share = min(1.0, effective / runs)
    middle = share + Z * Z / (2 * runs)
    spread = Z * sqrt((share * (1 - share) + Z * Z / (4 * runs)) / runs)
    return max(0.0, (middle - spread) / (1 + Z * Z / runs))


def decay(at: datetime, now: datetime, half_life_seconds: float) -> float:
    """Return what is left at `now` of the weight that an observation had at `at`."""
    # A clock that runs ahead must not make an observation count for more than one.
    age = max(0.0, (now - at).total_seconds())
    return float(0.5 ** (age / half_life_seconds))
