"""Whether a playbook is promoted or left to people: pure decisions from what was observed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum

from countersign.aftermath.learning.trust import Trust
from countersign.records.states import PlaybookStatus
from countersign.records.trust import Observation
from countersign.settings import Settings
from countersign.texts import text


@dataclass(frozen=True)
class Rules:
    """From which bounds on something is decided."""

    promote_bound: float
    demote_runs: int
    demote_floor: float


@dataclass(frozen=True)
class Promote:
    """A draft has proved itself."""

    reason: str


@dataclass(frozen=True)
class Demote:
    """An approved playbook needs a person's approval from here on."""

    reason: str


@dataclass(frozen=True)
class Stay:
    """Nothing changes."""


Standing = Promote | Demote | Stay


def rules_of(settings: Settings) -> Rules:
    """Return the rules that the settings make."""
    return Rules(settings.trust_promote_bound, settings.trust_demote_runs, settings.trust_demote_floor)


def standing_of(
    observations: Sequence[Observation],
    trust: Trust,
    in_steps: Trust,
    *,
    status: PlaybookStatus,
    people_only: bool,
    restored_at: datetime | None,
    rules: Rules,
) -> Standing:
    """Decide from all observations and the `trust` computed from them, in whatever order they came.

    A draft is approved for what its current steps showed (`in_steps`), not for what other versions of it did.

    What a person has restored is judged by the runs since then: the ones before are what the person knew of.
    """
    if status is PlaybookStatus.DEPRECATED or people_only:
        return Stay()
    runs = sorted(observations, key=lambda one: (one.at, str(one.execution_id)))
    since = [one for one in runs if restored_at is None or one.at > restored_at]
    # Any series, not only the last one: the steps of earlier runs may end after those of later ones.
    if _had_a_series(since, rules.demote_runs):
        return Demote(text("learning.demoted_runs", runs=rules.demote_runs))
    if since and since[-1].effect < 0.5:
        return _after_a_failure(since, trust, rules)
    if status is PlaybookStatus.DRAFT and in_steps.bound >= rules.promote_bound:
        return Promote(text("learning.promoted", bound=f"{in_steps.bound:.2f}", runs=in_steps.runs))
    return Stay()


def _had_a_series(runs: Sequence[Observation], length: int) -> bool:
    """Tell whether so many runs, one after the other in time, were not effective."""
    windows = (runs[start : start + length] for start in range(len(runs) - length + 1))
    return any(all(one.effect < 0.5 for one in window) for window in windows)


def _after_a_failure(since: Sequence[Observation], trust: Trust, rules: Rules) -> Standing:
    # A low bound of what was hardly tried says nothing yet.
    if fsum(one.weight for one in since) >= rules.demote_runs and trust.bound < rules.demote_floor:
        return Demote(text("learning.demoted_bound", bound=f"{trust.bound:.2f}", floor=f"{rules.demote_floor:.2f}"))
    return Stay()
