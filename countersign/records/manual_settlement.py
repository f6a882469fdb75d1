"""Settling what was unknown: a person looked at the target and says what became of the effect.

The journal stays as it is: it says what the executor knew. The operation log is closed once, so its row goes on
saying failed; the timeline tells who found out what, and the execution and its approval carry the answer.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.errors import InvalidInput
from countersign.records.audit_events import Event
from countersign.records.audit_sources import OUTCOME, tell
from countersign.records.database.storable import clean, told, told_json
from countersign.records.outcomes import Outcome, event_status_of
from countersign.records.queries import get_execution
from countersign.records.tables import Execution
from countersign.records.timeline import add_event

# Replace an unknown outcome. Of two people who settle at once, the second finds it settled.
FOUND_OUT = text("""
    UPDATE execution SET outcome = :outcome, report = :report
    WHERE id = :execution_id AND outcome = 'unknown'
    RETURNING approval_id, rolls_back
""").bindparams(bindparam("report", type_=JSONB))

# The approval follows: executed after all, or failed for the reason that was found.
APPROVAL_FOLLOWS = text("""
    UPDATE approval
    SET status = CASE WHEN :landed THEN 'executed' ELSE status END,
        rejection_reason = CASE WHEN :landed THEN NULL ELSE :reason END, updated_at = clock_timestamp()
    WHERE id = :approval_id AND status = 'failed'
    RETURNING incident_id
""")

# The approval of a rollback stays as it is: it tells about the execution that was taken back.
STAYS = text("SELECT incident_id FROM approval WHERE id = :approval_id")


def find_out(
    session: Session,
    execution_id: UUID,
    *,
    outcome: Outcome,
    report: Mapping[str, Any],
    title: str,
    reason: str,
    by: str,
) -> Execution:
    """Give an execution whose outcome is unknown the outcome that `by` found, success or failed, and `report`.

    The approval follows and the timeline tells it, in this transaction. Raises NotFound, or InvalidInput where the
    execution is not unknown, the outcome is another, or `reason` or `by` is empty.
    """
    for field, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise InvalidInput(f"{field}: must not be empty", hint="say who looked, and what was seen on the target")
    if outcome not in (Outcome.SUCCESS, Outcome.FAILED):
        raise InvalidInput(f"outcome: {outcome} cannot be found out", hint="success or failed")
    asked = {"execution_id": execution_id, "outcome": outcome.value, "report": told_json(report)}
    row = session.execute(FOUND_OUT, asked).one_or_none()
    execution = get_execution(session, execution_id)
    if row is None:
        raise InvalidInput(
            f"execution {execution_id} is {execution.outcome or 'not settled yet'}",
            hint="only an outcome that is unknown is settled by a person",
        )
    reason = told(reason)
    landed = outcome is Outcome.SUCCESS
    followed = {"approval_id": row.approval_id, "landed": landed, "reason": f"Found out by {clean(by)}: {reason}"}
    approval = session.execute(APPROVAL_FOLLOWS if row.rolls_back is None else STAYS, followed).one()
    add_event(
        session,
        approval_id=row.approval_id,
        incident_id=approval.incident_id,
        type="outcome_found_out",
        status=event_status_of(outcome),
        title=title,
        description=reason,
        actor=by,
        actor_role="executor",
        once_key=f"found_out:{execution_id}",
    )
    tell(session, Event.OUTCOME_FOUND_OUT, OUTCOME, execution_id, actor=by)
    return execution
