"""The reports of runs that performed nothing themselves: another one has the execution, or nobody may begin it."""

from dataclasses import dataclass
from uuid import UUID

from countersign.errors import ApprovalExpired, KillSwitchOn, NotApproved, Refused
from countersign.execution.report import Report
from countersign.masking import masked
from countersign.records.queries import Taken
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.texts import text

UNDER_WAY = "executing"
"""What stands in a report in the place of an outcome that is not there yet."""


@dataclass(frozen=True)
class RunningElsewhere:
    """Another run holds the execution and its lease."""

    approval: Approval
    execution_id: UUID
    worker: str
    flow_run_id: str = ""
    """Empty where no run of Prefect's has it."""


def under_way(taken: Taken) -> Report:
    """Return the report of a run that does not wait for another one's result."""
    return Report(
        approval_id=str(taken.approval_id),
        action=masked(taken.action),
        outcome=UNDER_WAY,
        success=False,
        message=_running(taken.action, taken.worker, taken.flow_run_id),
        performed_by_this_run=False,
        execution_id=str(taken.execution_id),
    )


def _running(action: str, worker: str, flow_run_id: str) -> str:
    told = masked(" ".join(action.split()))
    if not flow_run_id:
        return text("message.running_without_run", action=told, worker=worker)
    return text("message.running", action=told, run=flow_run_id, worker=worker)


def still_running(elsewhere: RunningElsewhere, *, waited_seconds: float) -> Report:
    """Return the report of a run that waited for another one's result and did not get it in time, or did not wait."""
    message = text("message.followed_running", worker=elsewhere.worker, seconds=round(waited_seconds))
    if not waited_seconds:
        message = _running(elsewhere.approval.action, elsewhere.worker, elsewhere.flow_run_id)
    return Report(
        approval_id=str(elsewhere.approval.id),
        action=masked(elsewhere.approval.action),
        outcome=UNDER_WAY,
        success=False,
        message=message,
        performed_by_this_run=False,
        execution_id=str(elsewhere.execution_id),
    )


def not_claimable(approval: Approval, reason: str, *, switched_off: bool = False) -> Report:
    """Return the report of a run whose approval cannot be executed: `reason` says why."""
    return Report(
        approval_id=str(approval.id),
        action=masked(approval.action),
        outcome="blocked",
        success=False,
        message=reason,
        hint=text("hint.switched_off" if switched_off else "hint.not_claimable"),
        code=_why(approval, switched_off=switched_off).code,
        performed_by_this_run=False,
    )


def _why(approval: Approval, *, switched_off: bool) -> type[Refused]:
    if switched_off:
        return KillSwitchOn
    return ApprovalExpired if approval.status is ApprovalStatus.EXPIRED else NotApproved
