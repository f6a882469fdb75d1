"""What a trigger is told whose approval another run performs, or has performed: at once, from the records."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from countersign.execution.bystander import under_way
from countersign.execution.report import Report
from countersign.records.database.engine import statements
from countersign.records.queries import Taken, taken
from countersign.settings import settings
from countersign.texts import text
from countersign.worker.turns import Answer, InTurn
from flows.final_state import final_state
from flows.wiring import records


def subject(parameters: Mapping[str, Any]) -> str | None:
    """Return which approval a run with these parameters is about: None for a dry run, one that is to wait for another
    one's result, and one that names no approval. Pure.
    """
    if parameters.get("dry_run") or parameters.get("wait"):
        return None
    try:
        return str(UUID(str(parameters.get("approval_id"))))
    except ValueError:
        return None


def answers(approval_ids: Collection[str]) -> Mapping[str, Answer]:
    """Return what runs of these approvals are told: of those that are performed now, or were. Raises
    DatabaseUnavailable.
    """
    if not approval_ids:
        return {}
    with statements(records(settings())) as session:
        found = taken(session, [UUID(each) for each in approval_ids])
    return {str(each.approval_id): _answer(each) for each in found}


def _answer(found: Taken) -> Answer:
    if found.report is None:
        report = under_way(found)
        return Answer(final_state(report), found.flow_run_id)
    report = Report.model_validate({**found.report, "performed_by_this_run": False})
    if found.flow_run_id:
        said = text("message.performed_before", action=report.action, message=report.message, run=found.flow_run_id)
        report = report.model_copy(update={"message": said})
    return Answer(final_state(report), found.flow_run_id)


BY_APPROVAL = InTurn(subject=subject, answers=answers)
"""One run for each approval begins at a time."""
