"""Whether an execution is taken back, and by which plan. Asks the target, sends nothing.

Everything has to speak for it: the verdict, the policy as it is now, the signatures, the switch, and the object,
which must be as the action left it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import Refused
from countersign.execution import checking
from countersign.execution.opening import OnBehalfOf, open_target
from countersign.execution.services import Services
from countersign.policy.checks import enforce
from countersign.records.owned import Owned
from countersign.records.states import StepName, Verdict
from countersign.targets.model import Inspection, Landed, Plan, Snapshot, Target
from countersign.texts import text


@dataclass(frozen=True)
class Decided:
    """It is to be taken back."""

    plan: Plan
    """The inverse, with what the objects looked like when it was decided."""
    before: Snapshot


def decide(subject: Subject) -> Decided | StepEnd:
    """Return the plan that takes the execution back, or how the step ends without one: done where the verdict gives
    no reason for it, skipped where something speaks against it.

    Raises TransientTargetError, PermanentTargetError, ConfigurationError.
    """
    plan, verified = subject.plan, subject.result_of(StepName.VERIFY)
    if plan is None or verified is None:
        return Skipped(text("rollback.not_verified"))
    if (verdict := verified.get("verdict")) != Verdict.WORSE:
        summary = text("rollback.not_worse", verdict=text(f"verdict.{verdict}"))
        return Done({"rolled_back": False, "summary": summary})
    settled_at, within = subject.execution.settled_at, subject.services.settings.rollback_within_seconds
    if settled_at is None or datetime.now(UTC) - settled_at > timedelta(seconds=within):
        return Skipped(text("rollback.too_late", seconds=round(within)))
    rule = subject.services.reread_policy().rollback
    if not rule.allows(plan.verb, tuple(ref.namespace for ref in plan.refs)):
        return Skipped(text("rollback.not_allowed", operation=plan.verb))
    refusal = _not_allowed(subject)
    if refusal is not None:
        return Skipped(refusal)
    system = system_of(subject.services, plan)
    if system != plan.system:
        return Skipped(text("rollback.other_system", planned=plan.system, found=system))
    with opened(subject, subject.execution.owned) as target:
        inverse = target.invert(plan)
        if inverse is None or not inverse.steps:
            return Skipped(text("rollback.no_inverse", operation=plan.verb))
        seen = {step.key: target.inspect(plan, step) for step in plan.steps}
        for each in seen.values():
            if each.landed is not Landed.YES:
                return Skipped(text("rollback.changed_since", reason=each.reason))
        return Decided(_as_it_is_now(plan, inverse, seen), target.observe(inverse))


def system_of(services: Services, plan: Plan) -> str:
    """Return the name of the system that the blocks mean now."""
    on_hosts = any(ref.kind == "Host" for ref in plan.refs)
    return services.the_fleet().name if on_hosts else services.the_cluster().name


@contextmanager
def opened(subject: Subject, owned: Owned) -> Iterator[Target]:
    """Open the target of the action, on behalf of the execution `owned`."""
    operation = read_action(subject.approval.action)
    assert isinstance(operation, KubernetesOperation | HostOperation), "what has a plan is an operation"
    with open_target(subject.services, operation, OnBehalfOf(subject.approval, owned)) as target:
        yield target


def _not_allowed(subject: Subject) -> str | None:
    """Ask anew what was asked of the action: signatures, kill switch, protections, freeze windows."""
    services = replace(subject.services, policy=subject.services.reread_policy())
    approval = subject.approval
    try:
        verified = checking.verified_signatures(services, approval)
        reading = read_action(approval.action)
        now = datetime.now(UTC)
        enforce(checking.request_checks(services, approval, reading, automatic=verified.automatic, now=now))
    except Refused as error:
        return text("rollback.refused", reason=error.message)
    return None


def _as_it_is_now(plan: Plan, inverse: Plan, seen: Mapping[str, Inspection]) -> Plan:
    """Return the inverse with the versions that its objects have now, which tell later whether it landed.

    The requests stay as they were planned and signed.
    """
    now: dict[str, Mapping[str, Any]] = {}
    for step in plan.steps:
        generation = seen[step.key].seen.get("generation") if step.before.get("generation") is not None else None
        now[step.ref.key] = {"resourceVersion": seen[step.key].seen.get("resourceVersion"), "generation": generation}
    steps = tuple(replace(step, before={**step.before, **now.get(step.ref.key, {})}) for step in inverse.steps)
    made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return replace(inverse, steps=steps, made_at=made_at)
