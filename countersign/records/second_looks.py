"""What ended without its whole effect is looked at again for as long as a request may live.

A request that was given up may still be in a proxy or in the API server's queue. Until that time is over, the target
is asked again, and what it shows then corrects the record. The journal stays as it is: it says what was known then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.records.audit_events import Event
from countersign.records.audit_sources import OUTCOME, tell
from countersign.records.database.storable import told, told_json
from countersign.records.outcomes import Outcome
from countersign.records.states import EventStatus
from countersign.records.timeline import add_event

LOOK_AGAIN_SECONDS: Final = 300.0
"""How long a request may live: an API server works on one for a minute (--request-timeout), a proxy may keep it for
several.
"""

# Executions that are looked at again (ix_execution_look_again_until), the first to be over first.
DUE = text("""
    SELECT id, approval_id, fence, settled_at, look_again_until <= clock_timestamp() AS is_over FROM execution
    WHERE look_again_until IS NOT NULL ORDER BY look_again_until LIMIT :limit
""")

# Nothing more can come: the time was over before this look.
ENOUGH = text("UPDATE execution SET look_again_until = NULL WHERE id = :execution_id")

# Correct what is on record. A whole effect needs no further look, and what nobody can tell no other one.
CORRECT = text("""
    UPDATE execution
    SET outcome = :outcome, report = :report,
        look_again_until = CASE WHEN :is_over THEN NULL ELSE look_again_until END
    WHERE id = :execution_id AND look_again_until IS NOT NULL AND outcome IN ('failed', 'blocked', 'cancelled')
    RETURNING approval_id, rolls_back
""").bindparams(bindparam("report", type_=JSONB))

# The approval follows, unless it tells about the execution that was to be taken back.
APPROVAL_FOLLOWS = text("""
    UPDATE approval
    SET status = CASE WHEN :whole THEN 'executed' ELSE 'failed' END,
        rejection_reason = CASE WHEN :whole THEN NULL ELSE :reason END, updated_at = clock_timestamp()
    WHERE id = :approval_id AND status IN ('failed', 'cancelled')
""")

ABOUT = text("SELECT incident_id FROM approval WHERE id = :approval_id")


@dataclass(frozen=True)
class LookedAtAgain:
    """An execution of which more may come to light."""

    execution_id: UUID
    approval_id: UUID
    fence: int
    settled_at: datetime
    is_over: bool
    """Nothing can come any more: this look is the last one."""


def to_look_at_again(session: Session, *, limit: int = 100) -> Sequence[LookedAtAgain]:
    """Return the executions that are looked at again."""
    rows = session.execute(DUE, {"limit": limit}).all()
    return [LookedAtAgain(row.id, row.approval_id, row.fence, row.settled_at, row.is_over) for row in rows]


def looked_enough(session: Session, execution_id: UUID) -> None:
    """End looking at an execution."""
    session.execute(ENOUGH, {"execution_id": execution_id})


def correct(
    session: Session, execution_id: UUID, *, outcome: Outcome, report: Mapping[str, Any], title: str, reason: str
) -> bool:
    """Put on record that an execution had its whole effect after all (success), more of it (failed), or perhaps
    (unknown), and tell the timeline.

    False where somebody else has just done so.
    """
    whole = outcome is Outcome.SUCCESS
    asked = {
        "execution_id": execution_id,
        "outcome": outcome.value,
        "report": told_json(report),
        "is_over": outcome is not Outcome.FAILED,
    }
    row = session.execute(CORRECT, asked).one_or_none()
    if row is None:
        return False
    reason = told(reason)
    if row.rolls_back is None:
        session.execute(APPROVAL_FOLLOWS, {"approval_id": row.approval_id, "whole": whole, "reason": reason})
    add_event(
        session,
        approval_id=row.approval_id,
        incident_id=session.execute(ABOUT, {"approval_id": row.approval_id}).scalar_one(),
        type="landed_late",
        status=EventStatus.WARNING,
        title=title,
        description=reason,
        actor="countersign",
        actor_role="executor",
        once_key=f"landed_late:{execution_id}:{outcome.value}:{'' if whole else reason}",
    )
    tell(session, Event.OUTCOME_CORRECTED, OUTCOME, execution_id, actor="countersign")
    return True
