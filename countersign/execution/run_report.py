"""What one run came to, for whoever started it and waits: its report, or why there is none."""

from uuid import UUID

from sqlmodel import Session

from countersign.errors import CountersignError, NotApproved
from countersign.execution.report import Report
from countersign.records.outcomes import Outcome
from countersign.records.queries import executions_of


def report_of_run(session: Session, approval_id: UUID, flow_run_id: UUID, *, dry_run: bool) -> Report | None:
    """Return the report that the run ended with: its own, or the one of the execution that it found."""
    found = [row for row in executions_of(session, approval_id) if row.dry_run == dry_run and not row.rolls_back]
    # An earlier try that was put off says nothing of this run.
    mine = [row for row in found if row.outcome is not Outcome.POSTPONED or row.flow_run_id == str(flow_run_id)]
    if not mine or mine[0].report is None:
        return None
    by_this_run = mine[0].flow_run_id == str(flow_run_id)
    return Report.model_validate({**mine[0].report, "performed_by_this_run": by_this_run})


def require_report(report: Report | None, *, flow_run_id: UUID, state: str, message: str, started: bool) -> Report:
    """Return the report of a run that has ended. Raises NotApproved where nothing was to be started."""
    if report is not None:
        return report
    if not started:
        raise NotApproved(message)
    raise CountersignError(f"the run ended as {state}: {message}", hint=f"see flow run {flow_run_id} in Prefect's UI")
