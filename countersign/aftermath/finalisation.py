"""Finalise what was approved by itself and executed before its incident existed: add what is missing, repeat nothing.

The repair's row is held while everything is added, in one transaction; of any number of callers at once the first
adds, and the others find it done.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from sqlmodel import Session

from countersign.aftermath.incidents.incident_of import incident_id_of
from countersign.aftermath.incidents.resolution import reason_to_leave, settle_incident
from countersign.aftermath.knowledge.case import makes_a_case
from countersign.aftermath.knowledge.deposit import keep_case
from countersign.aftermath.step_runner import run_step
from countersign.aftermath.verification.recorded_verdict import verdict_of
from countersign.errors import InvalidInput
from countersign.execution.next_steps import steps_after
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.masking import masked
from countersign.records import auto_repairs
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.incidents import find_incident, link_incident
from countersign.records.ledger import add_steps, steps_of
from countersign.records.outcomes import Outcome, event_status_of
from countersign.records.queries import execution_of, get_execution
from countersign.records.states import RepairStatus, StepName, StepStatus
from countersign.records.tables import Approval, Execution
from countersign.records.timeline import add_event
from countersign.texts import text

ADDED_STEPS = (StepName.VERIFY, StepName.DEPOSIT_KNOWLEDGE, StepName.RECORD_DISPOSITION)
"""Steps that an execution without a ledger is given: they look and remember. None of them changes the target."""
DECIDING_STEPS = (StepName.VERIFY, StepName.ROLL_BACK)
"""Steps that decide whether the incident is resolved."""
STEP_LIMIT = 500
"""Characters of an action that is kept as a step; a longer one, or one with a secret, is kept as its hash: a key."""


class Finalising(StrEnum):
    """How it ended."""

    FINALISED = "finalised"
    ALREADY = "already"
    SKIPPED = "skipped"
    """Now or for good: the reason says which."""
    WAITING = "waiting"
    """Steps are still to be done; the next round looks again."""


@dataclass(frozen=True)
class Finalised:
    """What became of it."""

    approval_id: UUID
    result: Finalising
    summary: str
    incident_id: str | None = None


def finalise(
    services: Services,
    approval_id: UUID,
    *,
    incident_id: str | None = None,
    linked_by: str = "countersign",
    runner: str = "countersign",
    run: bool = True,
) -> Finalised:
    """Add what is missing to an execution that was approved by itself. `incident_id` links it to its incident first,
    which the audit says of `linked_by`.

    Steps that are still to be done are run here, unless `run` is False: then they are waited for. Raises NotFound,
    InvalidInput (people approved it, or it belongs to another incident), DatabaseUnavailable.
    """
    with transaction(services.engine) as session:
        approval = _auto_approved(session, approval_id)
        if incident_id is not None:
            link_incident(session, approval_id, incident_id, by=linked_by)
            session.refresh(approval)
        execution = execution_of(session, approval_id)
        if execution is None or execution.outcome is None:
            return Finalised(approval_id, Finalising.SKIPPED, text("finalise.not_executed"))
        early = _before_adding(session, approval, execution)
        if early is not None:
            return early
    for name in ADDED_STEPS if run else ():
        run_step(services, execution.id, name, runner=runner)
    with transaction(services.engine) as session:
        return _add(session, _auto_approved(session, approval_id), get_execution(session, execution.id))


def _auto_approved(session: Session, approval_id: UUID) -> Approval:
    approval = get_approval(session, approval_id)
    if not approval.auto_approved:
        raise InvalidInput(
            f"approval {approval_id} was approved by people", hint="what belongs to it is added by its own steps"
        )
    return approval


def _before_adding(session: Session, approval: Approval, execution: Execution) -> Finalised | None:
    """Expect the repair, and say so where there is nothing to add, or nothing yet; else see to its steps."""
    named = incident_id_of(approval)
    auto_repairs.expect_repair(session, execution.id, named)
    if named is not None:
        auto_repairs.name_incident(session, execution.id, named)
    repair = auto_repairs.hold_repair(session, execution.id)
    if repair.status is not RepairStatus.PENDING:
        return Finalised(
            approval.id, Finalising.ALREADY, repair.reason or text("finalise.already"), repair.incident_id
        )
    never = _nothing_repaired(execution)
    if never is not None:
        auto_repairs.skip_repair(session, execution.id, never)
        return Finalised(approval.id, Finalising.SKIPPED, never, named)
    if find_incident(session, named) is None:
        auto_repairs.postpone_repair(session, execution.id)
        missing = text("finalise.not_on_record", incident=named) if named else text("finalise.no_incident")
        return Finalised(approval.id, Finalising.SKIPPED, missing, named)
    add_steps(session, execution.id, [step for step in steps_after() if step.name in ADDED_STEPS])
    return None


def _nothing_repaired(execution: Execution) -> str | None:
    """Return why there will never be anything to add, None where there is. Pure."""
    match execution.outcome:
        case Outcome.NO_ACTION | Outcome.INVESTIGATED:
            return text("finalise.observation")
        case Outcome.BLOCKED | Outcome.PARSE_FAILURE | Outcome.CANCELLED | Outcome.DRY_RUN:
            return text("finalise.nothing_executed", outcome=text(f"outcome.{execution.outcome}"))
        case _:
            return None


def _add(session: Session, approval: Approval, execution: Execution) -> Finalised:
    repair = auto_repairs.hold_repair(session, execution.id)
    incident_id = incident_id_of(approval)
    if repair.status is not RepairStatus.PENDING:
        return Finalised(
            approval.id, Finalising.ALREADY, repair.reason or text("finalise.already"), repair.incident_id
        )
    assert execution.outcome is not None
    assert incident_id is not None
    steps = {step.name: step for step in steps_of(session, execution.id)}
    left = [name for name in DECIDING_STEPS if name in steps and _is_open(steps[name].status)]
    if left:
        auto_repairs.postpone_repair(session, execution.id)
        names = ", ".join(text(f"step_name.{name}") for name in left)
        return Finalised(approval.id, Finalising.WAITING, text("finalise.waiting", steps=names), incident_id)
    recorded = auto_repairs.record_repair(
        session,
        execution.id,
        incident_id=incident_id,
        playbook=approval.matched_playbook_id or "",
        trigger=approval.requested_by,
        step=_step_of(approval),
    )
    if not recorded:
        auto_repairs.skip_repair(session, execution.id, text("finalise.same_repair"))
    _tell(session, approval, execution, incident_id)
    auto_repairs.link_evidence(session, execution.id, incident_id)
    if makes_a_case(execution.outcome):
        keep_case(session, approval, execution, Report.model_validate(execution.report or {}))
    rolled_back = (
        bool((steps[StepName.ROLL_BACK].result or {}).get("rolled_back")) if StepName.ROLL_BACK in steps else False
    )
    verdict = verdict_of(session, execution.id)
    if reason_to_leave(execution.outcome, verdict, rolled_back=rolled_back) is None:
        settle_incident(session, incident_id, approval, execution.outcome, execution.settled_at, verdict=verdict)
    return Finalised(approval.id, Finalising.FINALISED, text("finalise.finalised", incident=incident_id), incident_id)


def _tell(session: Session, approval: Approval, execution: Execution, incident_id: str) -> None:
    assert execution.outcome is not None
    add_event(
        session,
        incident_id=incident_id,
        approval_id=approval.id,
        type="auto_repaired",
        status=event_status_of(execution.outcome),
        title=text("finalise.recorded", outcome=text(f"outcome.{execution.outcome}")),
        description=masked(" ".join(approval.action.split())),
        actor=approval.requested_by,
        actor_role="requester",
        once_key=f"auto_repaired:{execution.id}",
    )


def _step_of(approval: Approval) -> str:
    action = " ".join(approval.action.split())
    if len(action) <= STEP_LIMIT and masked(action) == action:
        return action
    return sha256(action.encode("utf-8", "replace")).hexdigest()


def _is_open(status: StepStatus) -> bool:
    return status in (StepStatus.PENDING, StepStatus.RUNNING)
