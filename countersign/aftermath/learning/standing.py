"""Whether a playbook is promoted or left to people: pure decisions from what was observed.

The steps after executions end in any order, so what is decided has to be the same in whatever order runs arrive. That
a playbook is left to people is a property of its runs as they followed each other in time; what was decided before an
earlier run arrived is taken back if that run shows that it was not so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from countersign.aftermath.learning.trust import Trust, decay, wilson_lower_bound
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
    half_life_seconds: float


@dataclass(frozen=True)
class Promote:
    """A draft has proved itself."""

    reason: str


@dataclass(frozen=True)
class Demote:
    """An approved playbook needs a person's approval from here on."""

    reason: str


@dataclass(frozen=True)
class TakeBack:
    """It was left to people before an earlier run was known that shows it was not due."""

    reason: str


@dataclass(frozen=True)
class Stay:
    """Nothing changes."""


Standing = Promote | Demote | TakeBack | Stay


def rules_of(settings: Settings) -> Rules:
    """Return the rules that the settings make."""
    return Rules(
        settings.trust_promote_bound,
        settings.trust_demote_runs,
        settings.trust_demote_floor,
        settings.trust_half_life_seconds,
    )


def standing_of(
    observations: Sequence[Observation],
    trust: Trust,
    *,
    arrived: UUID,
    status: PlaybookStatus,
    people_only: bool,
    restored_at: datetime | None,
    rules: Rules,
) -> Standing:
    """Decide from all runs of the steps that are in use and the `trust` in them, when that of `arrived` was added.

    What a person has restored is judged by the runs since then: the ones before are what the person knew of.
    """
    if status is PlaybookStatus.DEPRECATED:
        return Stay()
    runs = sorted(observations, key=lambda one: (one.at, str(one.execution_id)))
    since = [one for one in runs if restored_at is None or one.at > restored_at]
    reason = _why_to_people(since, rules)
    if people_only:
        without = _why_to_people([one for one in since if one.execution_id != arrived], rules)
        return TakeBack(text("learning.taken_back")) if without is not None and reason is None else Stay()
    if reason is not None:
        return Demote(reason)
    if status is PlaybookStatus.DRAFT and trust.bound >= rules.promote_bound:
        return Promote(text("learning.promoted", bound=f"{trust.bound:.2f}", runs=trust.runs))
    return Stay()


def _why_to_people(runs: Sequence[Observation], rules: Rules) -> str | None:
    """Return what speaks for people at any moment of these runs, None if nothing does; later runs do not undo it."""
    series, weight, effective, evidence = 0, 0.0, 0.0, 0.0
    for number, run in enumerate(runs):
        if number:
            faded = decay(runs[number - 1].at, run.at, rules.half_life_seconds)
            effective, evidence = effective * faded, evidence * faded
        weight, effective, evidence = weight + run.weight, effective + run.weight * run.effect, evidence + run.weight
        if run.effect >= 0.5:
            series = 0
            continue
        series += 1
        if series >= rules.demote_runs:
            return text("learning.demoted_runs", runs=rules.demote_runs)
        bound = wilson_lower_bound(effective, evidence)
        # A low bound of what was hardly tried says nothing yet.
        if weight >= rules.demote_runs and bound < rules.demote_floor:
            return text("learning.demoted_bound", bound=f"{bound:.2f}", floor=f"{rules.demote_floor:.2f}")
    return None
