"""Whether an execution is taken back, and by which plan. Asks the target, sends nothing.

Everything has to speak for it: the verdict, the policy as it is now, the signatures, the switch, and the object,
which must be as the action left it and still not well. A runner that takes over a rollback of which nothing took
effect asks all of it again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.aftermath.rollback.fresh_look import has_recovered
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.aftermath.verification.collection import inspect_all
from countersign.aftermath.verification.criteria import generations_made
from countersign.errors import Refused
from countersign.execution import checks
from countersign.execution.break_glass import put_uses_on_record
from countersign.execution.performance import progress_of
from countersign.execution.scope import policy_for
from countersign.execution.target_access import OnBehalfOf, is_known, open_target
from countersign.policy.checks import enforce
from countersign.records.owned import Owned
from countersign.records.states import StepName, Verdict
from countersign.targets.model import Inspection, Landed, ObjectRef, Plan, Snapshot, Target
from countersign.texts import text


@dataclass(frozen=True)
class Decided:
    """It is to be taken back."""

    plan: Plan
    """The inverse, with what the objects looked like when it was decided."""
    before: Snapshot


@dataclass(frozen=True)
class Against:
    """It made things worse and the policy has it taken back, but this speaks against it: people have to look."""

    reason: str


def decide(subject: Subject) -> Decided | Against | StepEnd:
    """Return the plan that takes the execution back, or what speaks against it, or how the step ends where no
    rollback is due: done where the verdict gives no reason for one, else skipped.

    Raises TransientTargetError, PermanentTargetError, ConfigurationError, Stopped.
    """
    plan, verified = subject.plan, subject.result_of(StepName.VERIFY)
    if plan is None or verified is None:
        return Skipped(text("rollback.not_verified"))
    if (verdict := verified.get("verdict")) != Verdict.WORSE:
        summary = text("rollback.not_worse", verdict=text(f"verdict.{verdict}"))
        return Done({"rolled_back": False, "summary": summary})
    rule = policy_for(subject.services, subject.approval, subject.services.reread_policy()).rollback
    if not rule.allows(plan.verb, tuple(ref.namespace for ref in plan.refs)):
        return Skipped(text("rollback.not_allowed", operation=plan.verb))
    settled_at, within = subject.execution.settled_at, subject.services.settings.rollback_within_seconds
    if settled_at is None or datetime.now(UTC) - settled_at > timedelta(seconds=within):
        return Against(text("rollback.too_late", seconds=round(within)))
    refusal = _not_allowed(subject)
    if refusal is not None:
        return Against(refusal)
    if not is_known(subject.services, plan):
        return Against(text("rollback.other_system", planned=plan.system))
    with opened(subject, subject.execution.owned, plan) as target:
        return _by_the_target(subject, plan, target)


@contextmanager
def opened(subject: Subject, owned: Owned, plan: Plan) -> Iterator[Target]:
    """Open the target that `plan` is for, on behalf of the execution `owned`. Raises ConfigurationError."""
    operation = read_action(subject.approval.action)
    assert isinstance(operation, KubernetesOperation | HostOperation), "what has a plan is an operation"
    behalf = OnBehalfOf(subject.approval, owned)
    with open_target(subject.services, operation, behalf, planned_for=plan.system) as target:
        yield target


def _not_allowed(subject: Subject) -> str | None:
    """Ask anew what was asked of the action: signatures, kill switch, protections, freeze windows."""
    services = replace(subject.services, policy=subject.services.reread_policy())
    approval = subject.approval
    try:
        verified = checks.verified_signatures(services, approval)
        reading = read_action(approval.action)
        now = datetime.now(UTC)
        answers = checks.request_checks(services, approval, reading, automatic=verified.automatic, now=now)
        enforce(answers)
        put_uses_on_record(subject.engine, approval, subject.execution_id, answers)
    except Refused as error:
        return text("rollback.refused", reason=error.message)
    return None


def _by_the_target(subject: Subject, plan: Plan, target: Target) -> Decided | Against | Skipped:
    if target.invert(plan) is None:
        return Against(text("rollback.no_inverse", operation=plan.verb))
    seen = inspect_all(target, plan)
    for each in seen.values():
        if each.landed is not Landed.YES:
            return Against(text("rollback.changed_since", reason=each.reason))
    made = generations_made(plan, progress_of(subject.engine, subject.seal, subject.execution_id, plan))
    if (ref := changed_by_others(plan, made, seen)) is not None:
        return Against(text("rollback.changed_since", reason=text("criterion.by_others", object=ref)))
    if has_recovered(subject, target, plan, seen):
        return Skipped(text("rollback.recovered"))
    inverse = target.invert(plan, generations=_generations(plan, seen))
    assert inverse is not None, "it had an inverse just now"
    return Decided(_as_it_is_now(plan, inverse, seen), target.observe(inverse))


def changed_by_others(plan: Plan, made: Mapping[str, int], seen: Mapping[str, Inspection]) -> ObjectRef | None:
    """Return an object whose spec others have changed since, None if there is none. Pure.

    `made` is the generation that our change made, by ObjectRef.key. Where the answer that told it was lost, the
    generation may have risen by one for each of our requests. For kinds that count none, equal fields are all the
    proof there is.
    """
    for step in plan.steps:
        live, before = seen[step.key].seen.get("generation"), step.before.get("generation")
        if live is None:
            continue
        ours = made.get(step.ref.key)
        if ours is None and before is not None:
            ours = before + sum(other.ref.key == step.ref.key for other in plan.steps)
        if ours is not None and live != ours:
            return step.ref
    return None


def _generations(plan: Plan, seen: Mapping[str, Inspection]) -> dict[str, int]:
    found = {step.ref.key: seen[step.key].seen.get("generation") for step in plan.steps}
    return {key: generation for key, generation in found.items() if generation is not None}


def _as_it_is_now(plan: Plan, inverse: Plan, seen: Mapping[str, Inspection]) -> Plan:
    """Return the inverse with the versions that its objects have now, which tell later whether it landed.

    The requests change what they were planned and signed to change.
    """
    now: dict[str, Mapping[str, Any]] = {}
    for step in plan.steps:
        generation = seen[step.key].seen.get("generation") if step.before.get("generation") is not None else None
        now[step.ref.key] = {"resourceVersion": seen[step.key].seen.get("resourceVersion"), "generation": generation}
    steps = tuple(replace(step, before={**step.before, **now.get(step.ref.key, {})}) for step in inverse.steps)
    made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return replace(inverse, steps=steps, made_at=made_at)
