"""Reconciliation's second look: did a request that was given up take effect after all?"""

from collections.abc import Sequence
from datetime import UTC, datetime

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.errors import CountersignError, OutcomeUnknown
from countersign.execution.performance import progress_of
from countersign.execution.plan_seal import stored_plan
from countersign.execution.progress import StepResult
from countersign.execution.report import FoundOut, Report
from countersign.execution.services import Services
from countersign.execution.target_access import OnBehalfOf, open_target
from countersign.logging import get_logger
from countersign.records.approvals import get_approval
from countersign.records.database.engine import statements, transaction
from countersign.records.findings import Finding
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.queries import get_execution
from countersign.records.second_looks import LookedAtAgain, correct, looked_enough, to_look_at_again
from countersign.targets.model import Inspection, Landed, Plan, Step
from countersign.texts import text

logger = get_logger(__name__)


def look_again(services: Services) -> list[Finding]:
    """Ask the targets about everything that may still take effect, and correct what is on record.

    What shows nothing is no finding. A target that cannot be asked is asked in the next round.
    """
    with statements(services.engine) as session:
        due = to_look_at_again(session)
    return [finding for each in due if (finding := _guarded(services, each)) is not None]


def _guarded(services: Services, due: LookedAtAgain) -> Finding | None:
    try:
        return _look(services, due)
    except Exception as error:
        # The boundary of one finding: the others are looked at, and this one again.
        reason = error.message if isinstance(error, CountersignError) else type(error).__name__
        logger.warning("not looked at again", execution=str(due.execution_id), error=reason, exc_info=True)
        return Finding(str(due.approval_id), text("reconcile.not_looked_again", reason=reason), failed=True)


def _look(services: Services, due: LookedAtAgain) -> Finding | None:
    owned = Owned(due.execution_id, due.fence)
    plan = stored_plan(services.engine, services.seal, owned.execution_id)
    with statements(services.engine) as session:
        approval = get_approval(session, due.approval_id)
        before = Report.model_validate(get_execution(session, due.execution_id).report)
    operation = read_action(approval.action)
    if plan is None or not isinstance(operation, KubernetesOperation | HostOperation):
        _over(services, due)
        return None
    given_up = progress_of(services.engine, services.seal, due.execution_id, plan).given_up
    told = {step.key for step in before.steps if step.result == StepResult.LANDED.value}
    asked = [step for step in plan.steps if step.changes and step.key in given_up and step.key not in told]
    with open_target(services, operation, OnBehalfOf(approval, owned), planned_for=plan.system) as target:
        seen = {step.key: target.inspect(plan, step) for step in asked}
    late = [step for step in asked if seen[step.key].landed is Landed.YES and _ours(seen[step.key]) is not False]
    if not late:
        _over(services, due)
        return None
    certain = all(_ours(seen[step.key]) for step in late)
    report = _corrected(before, plan, late, {*told, *(step.key for step in late)}, certain=certain)
    with transaction(services.engine) as session:
        first = correct(
            session,
            due.execution_id,
            outcome=Outcome(report.outcome),
            report=report.model_dump(mode="json"),
            title=text("timeline.landed_late", targets=", ".join(str(step.ref) for step in late)),
            reason=report.message,
        )
    if not first:
        return None
    age = (datetime.now(UTC) - due.settled_at).total_seconds()
    return Finding(str(due.approval_id), text("reconcile.corrected", outcome=text(f"outcome.{report.outcome}")), age)


def _over(services: Services, due: LookedAtAgain) -> None:
    if due.is_over:
        with transaction(services.engine) as session:
            looked_enough(session, due.execution_id)


def _ours(seen: Inspection) -> bool | None:
    """Return whether our request made it so; None where nobody can tell (an object that is gone names nobody)."""
    ours = seen.seen.get("ours")
    return ours if ours is None else bool(ours)


def _corrected(before: Report, plan: Plan, late: Sequence[Step], landed: set[str], *, certain: bool) -> Report:
    steps: Sequence[Step] = [step for step in plan.steps if step.changes]
    whole = all(step.key in landed for step in steps)
    outcome = Outcome.UNKNOWN if not certain else Outcome.SUCCESS if whole else Outcome.FAILED
    reason = text("message.landed_late", landed=len(landed), count=len(steps))
    if not certain:
        reason = text("message.maybe_landed_late", targets=", ".join(str(step.ref) for step in late))
    shown = tuple(
        step.model_copy(update={"result": StepResult.LANDED.value}) if step.key in landed else step
        for step in before.steps
    )
    return before.model_copy(
        update={
            "outcome": outcome.value,
            "success": outcome.is_success,
            "message": reason,
            "hint": None if outcome.is_success else before.hint if certain else text("hint.unknown"),
            "code": None if outcome.is_success else before.code if certain else OutcomeUnknown.code,
            "steps": shown if certain else before.steps,
            "found_out": FoundOut(by="countersign", reason=reason, at=datetime.now(UTC), before=before.message),
        }
    )
