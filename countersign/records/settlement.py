"""Settling: the transaction in which an execution gets its outcome, and everything that follows at once from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.records.audit_events import Event
from countersign.records.audit_sources import OUTCOME, tell
from countersign.records.database.storable import ERROR_LIMIT, STDERR_LIMIT, clipped, told_json
from countersign.records.holds import RELEASE
from countersign.records.ledger import NewStep, add_steps
from countersign.records.operation_log import LogFacts, close_log
from countersign.records.outcomes import Outcome, approval_status_after, event_status_of, reason_for
from countersign.records.owned import Owned, refused_write
from countersign.records.second_looks import LOOK_AGAIN_SECONDS
from countersign.records.tables import Execution
from countersign.records.timeline import add_event
from countersign.texts import text as said

# Give the execution its outcome, if it is ours and has none.
SETTLE = text("""
    UPDATE execution
    SET outcome = :outcome, settled_at = clock_timestamp(), error = :error, stderr = :stderr, report = :report,
        look_again_until = CASE WHEN :look_again
            THEN clock_timestamp() + make_interval(secs => :look_again_seconds) END
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    RETURNING id, approval_id, dry_run, rolls_back, settled_at
""").bindparams(bindparam("report", type_=JSONB))

# The approval follows its execution.
APPROVAL_FOLLOWS = text("""
    UPDATE approval SET status = :status, rejection_reason = :reason, updated_at = clock_timestamp()
    WHERE id = :approval_id AND status = 'executing'
""")

# The claim is given back: the approval waits, each time for twice as long as the time before, or until `not_before`
# is the soonest that makes sense.
APPROVAL_WAITS = text("""
    UPDATE approval
    SET status = 'approved', updated_at = clock_timestamp(), tries = tries + 1, waiting_reason = :reason,
        waiting_until = greatest(
            clock_timestamp() + make_interval(secs => least(:first * 2.0 ^ least(tries, 20), :longest)),
            CAST(:soonest AS timestamptz)
        )
    WHERE id = :approval_id AND status = 'executing'
""")
FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 600.0

# Whom the timeline event is about.
ABOUT = text("SELECT incident_id, risk_level FROM approval WHERE id = :approval_id")


@dataclass(frozen=True)
class Settled:
    """An execution's outcome as it is on record."""

    execution_id: UUID
    approval_id: UUID
    outcome: Outcome
    settled_at: datetime
    error: str | None
    report: Mapping[str, Any]
    first: bool
    """False when an earlier call had settled it."""


def settle(
    session: Session,
    owned: Owned,
    *,
    outcome: Outcome,
    error: str | None = None,
    stderr: str | None = None,
    report: Mapping[str, Any],
    facts: LogFacts | None = None,
    actor: str = "countersign",
    title: str | None = None,
    description: str | None = None,
    steps: Sequence[NewStep] = (),
    look_again: bool = False,
    soonest: datetime | None = None,
) -> Settled:
    """Give the execution its outcome: approval, timeline, operation log and target holds follow in this transaction.

    So do the rows of `steps`, which have to happen afterwards. With `look_again` the target is asked again for a
    while: a request of it may still take effect. What is postponed is tried again later, not before `soonest`.

    Settling again with the same outcome returns the first one. Raises StaleFence when somebody else owns the
    execution, or when it is settled differently. Too long an `error` or `stderr` is shortened.
    """
    error, stderr = clipped(error, ERROR_LIMIT), clipped(stderr, STDERR_LIMIT)
    kept = told_json(report)
    execution = session.execute(
        SETTLE,
        {
            "execution_id": owned.execution_id,
            "fence": owned.fence,
            "outcome": outcome.value,
            "error": error,
            "stderr": stderr,
            "report": kept,
            "look_again": look_again,
            "look_again_seconds": LOOK_AGAIN_SECONDS,
        },
    ).one_or_none()
    if execution is None:
        return _settled_before(session, owned, outcome)
    effective = not execution.dry_run and execution.rolls_back is None
    if outcome is Outcome.POSTPONED:
        waits = {"first": FIRST_WAIT_SECONDS, "longest": LONGEST_WAIT_SECONDS, "soonest": soonest}
        session.execute(APPROVAL_WAITS, {"approval_id": execution.approval_id, "reason": error or "", **waits})
    elif effective and (status := approval_status_after(outcome)) is not None:
        session.execute(
            APPROVAL_FOLLOWS,
            {"approval_id": execution.approval_id, "status": status.value, "reason": reason_for(outcome, error)},
        )
    session.execute(RELEASE, {"execution_id": execution.id})
    close_log(
        session,
        execution.id,
        outcome=outcome,
        dry_run=execution.dry_run,
        actor=actor,
        error=error,
        stderr=stderr,
        facts=facts or LogFacts(),
        rollback=execution.rolls_back is not None,
    )
    about = session.execute(ABOUT, {"approval_id": execution.approval_id}).one()
    add_event(
        session,
        approval_id=execution.approval_id,
        incident_id=about.incident_id,
        type=_event_type(execution),
        status=event_status_of(outcome),
        title=title or said(f"settled.{outcome.value}"),
        description=description if description is not None else error or "",
        actor=actor,
        actor_role="executor",
        once_key=f"settled:{execution.id}",
    )
    add_steps(session, execution.id, steps)
    tell(session, Event.OUTCOME_SETTLED, OUTCOME, execution.id)
    return Settled(execution.id, execution.approval_id, outcome, execution.settled_at, error, kept, first=True)


def _event_type(execution: Row[Any]) -> str:
    if execution.rolls_back is not None:
        return "rollback_settled"
    return "dry_run_settled" if execution.dry_run else "execution_settled"


def _settled_before(session: Session, owned: Owned, outcome: Outcome) -> Settled:
    """Return the first settlement with this outcome. Raises StaleFence where it is another one or not ours."""
    execution = session.get(Execution, owned.execution_id, populate_existing=True)
    if execution is None or execution.fence != owned.fence or execution.outcome is not outcome:
        raise refused_write(session, owned)
    assert execution.settled_at is not None
    return Settled(
        execution_id=execution.id,
        approval_id=execution.approval_id,
        outcome=execution.outcome,
        settled_at=execution.settled_at,
        error=execution.error,
        report=execution.report or {},
        first=False,
    )
