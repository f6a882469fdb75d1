"""A person settles what nobody could tell: the report says who found out what, beside what was known before."""

from datetime import UTC, datetime
from uuid import UUID

from sqlmodel import Session

from countersign.errors import InvalidInput
from countersign.execution.report import FoundOut, Report
from countersign.records.manual_settlement import find_out
from countersign.records.outcomes import Outcome
from countersign.records.queries import get_execution
from countersign.texts import text


def settle_by_hand(session: Session, execution_id: UUID, *, outcome: Outcome, reason: str, by: str) -> Report:
    """Settle an execution whose outcome is unknown as success or failed, and return its report from now on.

    Raises NotFound, or InvalidInput where the outcome is not unknown or a value is not acceptable.
    """
    execution = get_execution(session, execution_id)
    if execution.outcome is not Outcome.UNKNOWN:
        raise InvalidInput(
            f"execution {execution_id} is {execution.outcome or 'not settled yet'}",
            hint="only an outcome that is unknown is settled by a person",
        )
    before = Report.model_validate(execution.report)
    report = before.model_copy(
        update={
            "outcome": outcome.value,
            "success": outcome.is_success,
            "message": text("message.found_out", by=by, reason=reason),
            "hint": None,
            "code": None,
            "found_out": FoundOut(by=by, reason=reason, at=datetime.now(UTC), before=before.message),
        }
    )
    find_out(
        session,
        execution_id,
        outcome=outcome,
        report=report.model_dump(mode="json"),
        title=text("timeline.found_out", outcome=text(f"outcome.{outcome.value}"), by=by),
        reason=reason,
        by=by,
    )
    return report
