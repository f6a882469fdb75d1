"""Did an action on a host have its effect? Pure, over the facts that the tools read and what they say of them.

A tool's own comparison says whether the effect is there (another InvocationID, another serial number …) and whether
the thing acted on is healthy; what is added here is that it stays so: one that was started again since is not well.
"""

from collections.abc import Iterator
from typing import Any

from countersign.targets.criteria import Case, Criterion, Facts, Standing, harm_or_failure
from countersign.targets.hosts.tools.model import IN_PROGRESS
from countersign.targets.model import Landed, Step
from countersign.texts import text


def criteria(case: Case) -> list[Criterion]:
    """Return how every criterion of the plan stands."""
    return [each for step in case.plan.steps for each in (*_health(case, step), *_inspected(case, step))]


def _health(case: Case, step: Step) -> Iterator[Criterion]:
    key = step.ref.key
    now, before = case.now(key), case.was(key)
    was_healthy = None if before is None else bool(before.get("healthy"))
    facts = now.get("facts") or {}
    if not now.get("healthy"):
        reason = text("criterion.unhealthy", host=step.ref.name, problem=now.get("problem") or "")
        again = _unwell(case.earlier(key))
        if facts.get(IN_PROGRESS) or not (case.over or again):
            yield Criterion(Standing.PENDING, reason)
        else:
            # What systemd or docker would start again says so by being in progress.
            yield Criterion(harm_or_failure(case, key, was_healthy=was_healthy), reason, final=again)
        return
    first = case.samples[0].get(key) or {}
    if starts_of(first.get("facts") or {}) != starts_of(facts):
        reason = text("criterion.started_again", step=step.title)
        standing = harm_or_failure(case, key, was_healthy=was_healthy) if case.over else Standing.PENDING
        yield Criterion(standing, reason)
        return
    yield Criterion(Standing.MET, text("criterion.healthy", host=step.ref.name))


def _unwell(seen: Facts | None) -> bool:
    """Tell whether it was seen to be unhealthy, with nobody at work on it."""
    return seen is not None and not seen.get("healthy") and not (seen.get("facts") or {}).get(IN_PROGRESS)


def starts_of(facts: Facts) -> list[Any]:
    """Return what changes each time the thing acted on is started; empty where nothing tells."""
    containers = facts.get("containers") or ([facts["container"]] if facts.get("container") else [])
    return [facts.get("InvocationID"), *(one.get("started_at") for one in containers)]


def _inspected(case: Case, step: Step) -> Iterator[Criterion]:
    inspection = (case.inspections or {}).get(step.key)
    if inspection is None:
        return
    match inspection.landed:
        case Landed.YES:
            yield Criterion(Standing.MET, text("criterion.as_wanted", step=step.title))
        case Landed.NO:
            yield Criterion(
                Standing.FAILED,
                text("criterion.not_as_wanted", step=step.title, reason=inspection.reason),
                final=True,
            )
        case Landed.UNCLEAR:
            yield Criterion(
                Standing.UNTOLD, text("criterion.changed_since", step=step.title, reason=inspection.reason)
            )
