"""The reports of runs that performed nothing themselves: another one has the execution, or nobody may begin it."""

from dataclasses import dataclass
from uuid import UUID

from countersign.errors import ApprovalExpired, KillSwitchOn, NotApproved, Refused
from countersign.execution.report import Report
from countersign.masking import masked
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.texts import text


@dataclass(frozen=True)
class RunningElsewhere:
    """Another run holds the execution and its lease."""

    approval: Approval
    execution_id: UUID
    worker: str


def still_running(elsewhere: RunningElsewhere, *, waited_seconds: float) -> Report:
    """Return the report of a run that waited for another one's result and did not get it in time."""
    return Report(
        approval_id=str(elsewhere.approval.id),
        action=masked(elsewhere.approval.action),
        outcome="executing",
        success=False,
        message=text("message.followed_running", worker=elsewhere.worker, seconds=round(waited_seconds)),
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
