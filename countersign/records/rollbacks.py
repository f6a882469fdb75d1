"""Rollbacks: an execution that takes another one back. It is made once, and it can be taken over like any other.

The database lets an execution be taken back at most once (uq_execution_rolls_back). The rollback belongs to the
step that makes it: whoever runs that step next takes it over once its owner's lease is over. Once that step has ended
(dead: it failed at every attempt, or its runners died) nobody runs it next, and reconciliation ends the rollback.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.records.audit_events import Event
from countersign.records.audit_sources import EXECUTION, OWNER, PLAN, tell
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean_json
from countersign.records.evidence import Seen, store_before
from countersign.records.holds import HeldBy, acquire
from countersign.records.operation_log import open_log
from countersign.records.owned import Owned
from countersign.records.tables import Execution

# Make the execution that takes a settled one back, with its plan. Of any number of callers at once one gets a row.
START = text("""
    INSERT INTO execution (id, approval_id, dry_run, rolls_back, fence, worker, started_at, lease_until,
                           plan, plan_hash, plan_mac)
    SELECT :id, approval_id, false, id, 1, :worker, clock_timestamp(),
           clock_timestamp() + make_interval(secs => :lease_seconds), :plan, :plan_hash, :plan_mac
    FROM execution
    WHERE id = :execution_id AND settled_at IS NOT NULL AND NOT dry_run AND rolls_back IS NULL
    ON CONFLICT (rolls_back) WHERE rolls_back IS NOT NULL DO NOTHING
    RETURNING id, fence
""").bindparams(bindparam("plan", type_=JSONB(none_as_null=True)))

# Take a rollback over whose owner was silent for too long.
TAKE_OVER = text("""
    UPDATE execution
    SET fence = fence + 1, worker = :worker, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE rolls_back = :execution_id AND settled_at IS NULL AND lease_until <= clock_timestamp()
    RETURNING id, fence
""")

# A rollback that nobody will go on with: its owner is silent, for so long that nothing it sent is under way any more,
# and the step that makes it has ended.
_ABANDONED = """
    rollback.rolls_back IS NOT NULL AND rollback.settled_at IS NULL
      AND rollback.lease_until <= clock_timestamp() - make_interval(secs => :quiet_seconds)
      AND NOT EXISTS (
        SELECT FROM ledger_step AS step
        WHERE step.execution_id = rollback.rolls_back AND step.name = 'roll_back'
          AND step.status IN ('pending', 'running')
      )
"""

# Abandoned rollbacks, the longest silent first (ix_execution_unsettled_lease_until).
ABANDONED = text(f"""
    SELECT rollback.id, rollback.rolls_back, rollback.approval_id, rollback.worker, rollback.lease_until
    FROM execution AS rollback
    WHERE {_ABANDONED}
    ORDER BY rollback.lease_until LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Take an abandoned rollback over, to end it. Of several callers one gets a row: the others find its lease.
TAKE_OVER_ABANDONED = text(f"""
    UPDATE execution AS rollback
    SET fence = rollback.fence + 1, worker = :worker,
        lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE rollback.id = :id AND {_ABANDONED}
    RETURNING rollback.id, rollback.fence
""")  # noqa: S608 - a constant of this module


@dataclass(frozen=True)
class AbandonedRollback:
    """A rollback that nobody will go on with."""

    execution_id: UUID
    rolls_back: UUID
    approval_id: UUID
    worker: str
    lease_until: datetime


def start_rollback(
    session: Session,
    execution_id: UUID,
    *,
    plan: Mapping[str, Any],
    plan_hash: str,
    seal_plan: Callable[[UUID], str],
    keys: Iterable[str],
    before: Seen,
    worker: str,
    lease_seconds: float,
    actor: str,
    operation_type: str,
    input: Mapping[str, Any],
) -> Owned | HeldBy | None:
    """Make the execution that takes `execution_id` back: its plan, its holds, its baseline, its open log.

    Returns who holds one of the targets `keys` (the caller has to give the transaction up then), or None where
    somebody else made one. Do it in a transaction of its own: all of it is there, or nothing.
    """
    identity = new_id()
    row = session.execute(
        START,
        {
            "id": identity,
            "execution_id": execution_id,
            "worker": worker,
            "lease_seconds": lease_seconds,
            "plan": clean_json(plan),
            "plan_hash": plan_hash,
            "plan_mac": seal_plan(identity),
        },
    ).one_or_none()
    if row is None:
        return None
    owned = Owned(row.id, row.fence)
    holder = acquire(session, owned, keys)
    if holder is not None:
        return holder
    tell(session, Event.ROLLBACK_STARTED, EXECUTION, row.id)
    tell(session, Event.PLAN_STORED, PLAN, row.id)
    store_before(session, owned.execution_id, before)
    open_log(session, owned.execution_id, actor=actor, operation_type=operation_type, input=input)
    return owned


def start_unmade_rollback(session: Session, execution_id: UUID, *, worker: str) -> Owned | None:
    """Make the execution that stands for a rollback which is not made; None where there is one already.

    It has no plan and holds nothing. Settle it in the same transaction.
    """
    asked = {"id": new_id(), "execution_id": execution_id, "worker": worker, "lease_seconds": 0}
    row = session.execute(START, {**asked, "plan": None, "plan_hash": None, "plan_mac": None}).one_or_none()
    if row is None:
        return None
    tell(session, Event.ROLLBACK_STARTED, EXECUTION, row.id)
    return Owned(row.id, row.fence)


def take_over_rollback(session: Session, execution_id: UUID, *, worker: str, lease_seconds: float) -> Owned | None:
    """Make the abandoned rollback of `execution_id` ours; None if it is settled, somebody's, or not there."""
    asked = {"execution_id": execution_id, "worker": worker, "lease_seconds": lease_seconds}
    return _taken_over(session, session.execute(TAKE_OVER, asked).one_or_none())


def abandoned_rollbacks(
    session: Session, *, quiet_seconds: float = 0, limit: int = 100
) -> Sequence[AbandonedRollback]:
    """Return rollbacks that nobody will go on with and whose lease has been over for `quiet_seconds`."""
    rows = session.execute(ABANDONED, {"quiet_seconds": quiet_seconds, "limit": limit}).all()
    return [AbandonedRollback(row.id, row.rolls_back, row.approval_id, row.worker, row.lease_until) for row in rows]


def take_over_abandoned(
    session: Session, rollback_id: UUID, *, worker: str, lease_seconds: float, quiet_seconds: float = 0
) -> Owned | None:
    """Make an abandoned rollback ours; None if it is settled or somebody's, or its step begins again."""
    asked = {"id": rollback_id, "worker": worker, "lease_seconds": lease_seconds, "quiet_seconds": quiet_seconds}
    return _taken_over(session, session.execute(TAKE_OVER_ABANDONED, asked).one_or_none())


def rollback_of(session: Session, execution_id: UUID) -> Execution | None:
    """Return the execution that takes `execution_id` back, None if there is none."""
    query = select(Execution).where(col(Execution.rolls_back) == execution_id, text("rolls_back IS NOT NULL"))
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def _taken_over(session: Session, row: Row[Any] | None) -> Owned | None:
    if row is None:
        return None
    tell(session, Event.ROLLBACK_TAKEN_OVER, OWNER, row.id)
    return Owned(row.id, row.fence)
