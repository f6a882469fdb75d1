"""Keep what happened as a searchable case, whether it went well or not."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from countersign.aftermath.incidents.incident_of import incident_id_of, incident_of
from countersign.aftermath.knowledge.case import case_of, makes_a_case
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.aftermath.verification.recorded_verdict import verdict_of
from countersign.execution.report import Report
from countersign.records.approvals import get_approval
from countersign.records.auto_repairs import expect_repair
from countersign.records.incidents import hold_name
from countersign.records.knowledge import cases_naming, deposit, get_entry
from countersign.records.queries import get_execution
from countersign.records.tables import Approval, Execution
from countersign.texts import text


def deposit_knowledge(subject: Subject) -> StepEnd:
    """Keep the execution's case, and expect the repair's record of one that was approved by itself."""
    execution, approval = subject.execution, subject.approval
    assert execution.outcome is not None, "steps exist once there is an outcome"
    if not makes_a_case(execution.outcome):
        return Skipped(text("knowledge.cancelled"))

    def write(session: Session) -> Mapping[str, Any]:
        kept = keep_case(session, approval, execution, subject.report)
        if approval.auto_approved:
            expect_repair(session, execution.id, incident_id_of(approval))
        return kept

    return Done(write=write)


def keep_case(session: Session, approval: Approval, execution: Execution, report: Report) -> Mapping[str, Any]:
    """Keep the case as it is known by now; what is there is written again once its incident is known."""
    named, incident = incident_id_of(approval), incident_of(session, approval)
    if named is not None and incident is None:
        # Opened meanwhile, it is seen here, or whoever opens it sees this case.
        hold_name(session, named)
        incident = incident_of(session, approval)
    case = case_of(
        approval,
        execution,
        report,
        incident=incident,
        incident_id=named,
        verdict=verdict_of(session, execution.id),
    )
    entry = get_entry(session, deposit(session, case))
    return {
        "knowledge_id": str(entry.id),
        "title": entry.title,
        "summary": text("knowledge.kept", title=entry.title),
    }


def write_cases_again(session: Session, incident_id: str) -> None:
    """Write the cases that named the incident before it was on record as they are known by now."""
    for execution_id in cases_naming(session, incident_id):
        execution = get_execution(session, execution_id)
        approval = get_approval(session, execution.approval_id)
        keep_case(session, approval, execution, Report.model_validate(execution.report or {}))
