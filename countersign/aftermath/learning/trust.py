"""Trust: a Beta posterior over "a run is effective", computed from observations at the moment it is asked for.

Every observation weighs half as much after each half-life, so that what worked a year ago on another version says
little. The mean is shown to people; decisions use the lower bound, which is low both for what failed and for what
was hardly tried.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, sqrt
from uuid import UUID

from sqlmodel import Session

from countersign.records.trust import Observation, observations_of

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


def trust_from(observations: Iterable[Observation], *, now: datetime, half_life_seconds: float) -> Trust:
    """Return the posterior with the prior Beta(1, 1).

    Neither the order of the observations nor their repetition changes a digit: of several for one execution the
    heaviest counts, of equally heavy ones the least favourable (as in records/trust.py), and fsum rounds once.
    """
    seen: dict[UUID, Observation] = {}
    for one in observations:
        known = seen.get(one.execution_id)
        if known is None or _rank(one) > _rank(known):
            seen[one.execution_id] = one
    weights = {key: one.weight * decay(one.at, now, half_life_seconds) for key, one in seen.items()}
    effective = fsum(weights[key] * one.effect for key, one in seen.items())
    not_effective = fsum(weights[key] * (1.0 - one.effect) for key, one in seen.items())
    return Trust(
        alpha=1.0 + effective,
        beta=1.0 + not_effective,
        bound=wilson_lower_bound(effective, effective + not_effective),
        runs=len(seen),
    )


def read_trust(
    session: Session, subjects: Sequence[str], *, now: datetime, half_life_seconds: float
) -> dict[str, Trust]:
    """Return the trust in each of `subjects` as it is at `now`."""
    observed = observations_of(session, subjects, since=kept_since(now, half_life_seconds))
    return {
        subject: trust_from(observations, now=now, half_life_seconds=half_life_seconds)
        for subject, observations in observed.items()
    }


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


def _rank(one: Observation) -> tuple[float, float, datetime, str]:
    return (one.weight, -one.effect, one.at, one.basis)
