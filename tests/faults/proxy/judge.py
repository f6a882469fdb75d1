"""What is wrong with what a cell came to: one pure decision over the report and the cluster's own record."""

from collections.abc import Iterator
from dataclasses import dataclass

from countersign.errors import InternalError, TargetNotFound
from countersign.execution.report import Report, StepReport
from countersign.records.outcomes import Outcome
from tests.faults.proxy.scene import Effects


@dataclass(frozen=True)
class Expectation:
    """What a cell may end as, besides the truth."""

    may_be_unknown: bool = False
    """Nobody could tell, since the target could not be asked after the write."""
    has_to_succeed: bool = True
    """The effect is there, or nothing kept it from being tried again."""


def wrongs(report: Report, effects: Effects, expected: Expectation) -> Iterator[str]:
    """Yield what is not as it has to be."""
    for effect, count in effects.times.items():
        if count > 1:
            yield f"{effect} happened {count} times"
    for other in effects.others:
        yield f"{other} was changed, which the action is not about"
    if report.code == InternalError.code:
        yield f"unexpected error: {report.message}"
    if report.code == TargetNotFound.code:
        yield f"said to be missing: {report.message}"
    if report.outcome == Outcome.SUCCESS and effects.undone:
        yield f"false success: {', '.join(sorted(effects.undone))} did not happen"
    if report.outcome == Outcome.UNKNOWN and not expected.may_be_unknown:
        yield f"unknown although the target can be asked: {report.message}"
    if report.outcome not in (Outcome.SUCCESS, Outcome.UNKNOWN):
        yield from _false_failure(report, effects)
    if expected.has_to_succeed and report.outcome not in (Outcome.SUCCESS, Outcome.UNKNOWN):
        yield f"not a success although it could be tried again: {report.message}"


def _false_failure(report: Report, effects: Effects) -> Iterator[str]:
    told = {effect_of(step): step.result for step in report.steps}
    for effect, count in effects.times.items():
        result = told.get(effect, "not_sent")
        if count and result != "landed":
            yield f"false failure: {effect} happened, the record says {result}"
    for effect, result in told.items():
        if effect in effects.undone and result == "landed":
            yield f"false landing: {effect} did not happen, the record says it landed"


def effect_of(step: StepReport) -> str | None:
    """Return the effect (`Effects.times`) that a step is to have; None for one that only waits."""
    _, verb, rest = step.key.split("-", 2)
    if verb == "wait":
        return None
    name = rest.rpartition("/")[2]
    return f"{verb} {name}" if verb in ("create", "delete", "evict") else "change"
