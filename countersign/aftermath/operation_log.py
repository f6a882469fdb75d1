"""Make sure that the operation log's row is closed. Settling closes it; this is for a row that appeared later."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from countersign.aftermath.subject import Done, StepEnd, Subject
from countersign.records.operation_log import LogFacts, log_of
from countersign.records.operation_log import close_log as close


def close_log(subject: Subject) -> StepEnd:
    """Close the row if it is open, or write it closed if it is missing."""
    execution, report = subject.execution, subject.report
    assert execution.outcome is not None, "steps exist once there is an outcome"
    outcome = execution.outcome

    def write(session: Session) -> Mapping[str, Any]:
        close(
            session,
            execution.id,
            outcome=outcome,
            dry_run=execution.dry_run,
            actor="countersign",
            error=execution.error,
            stderr=execution.stderr,
            rollback=execution.rolls_back is not None,
            facts=LogFacts(target=", ".join(report.targets) or None, tags=(report.outcome,)),
        )
        log = log_of(session, execution.id)
        return {"status": log.status.value if log else "missing"}

    return Done(write=write)
