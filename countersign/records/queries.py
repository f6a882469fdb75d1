"""Questions about executions. Every one is an index access, however many finished rows there are.

The conditions of partial indexes are spelled out in the statements: PostgreSQL cannot use such an index when
the value arrives as a parameter of a prepared statement.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval, Execution

EVER = 3e9
"""Seconds; longer than anything has been waiting."""

# Executions that took a target since a moment, other than one's own (ix_target_hold_target_key_acquired_at). A dry
# run takes it too, and so does one that was put off before anything was sent: neither is an action on it.
RECENT_EXECUTIONS = text("""
    SELECT count(DISTINCT target_hold.execution_id)
    FROM target_hold JOIN execution ON execution.id = target_hold.execution_id AND NOT execution.dry_run
     AND execution.outcome IS DISTINCT FROM 'postponed'
    WHERE target_hold.target_key = :target_key AND target_hold.acquired_at >= :since
      AND target_hold.execution_id IS DISTINCT FROM :except_for
""")

# When those took it, the oldest first.
RECENT_TIMES = text("""
    SELECT min(target_hold.acquired_at)
    FROM target_hold JOIN execution ON execution.id = target_hold.execution_id AND NOT execution.dry_run
     AND execution.outcome IS DISTINCT FROM 'postponed'
    WHERE target_hold.target_key = :target_key AND target_hold.acquired_at >= :since
      AND target_hold.execution_id IS DISTINCT FROM :except_for
    GROUP BY target_hold.execution_id ORDER BY 1
""")

ASKED_SECONDS = 60.0
"""For so long the run of somebody who started it has to claim it."""

# Approved, due, and nobody has started them (ix_approval_waiting_updated_at). What waits after a run that was put off
# is due at its time, whoever had started that.
NEVER_STARTED = text("""
    SELECT id, greatest(updated_at, waiting_until, not_before) AS since, updated_at FROM approval
    WHERE status = 'approved'
      AND greatest(updated_at, waiting_until, not_before)
          > clock_timestamp() - make_interval(secs => :younger_than_seconds)
      AND CASE WHEN tries > 0 AND waiting_until IS NOT NULL THEN :by_hand OR waiting_until <= clock_timestamp()
               -- A run was asked for, and has a while to claim it.
               WHEN waiting_until IS NOT NULL THEN :by_hand OR greatest(updated_at, waiting_until)
                    < clock_timestamp() - make_interval(secs => :asked_seconds)
               ELSE (:by_hand OR start = 'when_approved')
                AND updated_at < clock_timestamp() - make_interval(secs => :older_than_seconds) END
      AND (not_before IS NULL OR not_before <= clock_timestamp())
      AND (expires_at IS NULL OR expires_at > clock_timestamp())
    ORDER BY updated_at LIMIT :limit
""")

# Not settled, and the owner is silent (ix_execution_unsettled_lease_until). A rollback belongs to the step that makes
# it, which has a lease of its own.
ABANDONED = text("""
    SELECT id, approval_id, dry_run, worker, fence, lease_until FROM execution
    WHERE settled_at IS NULL AND lease_until <= clock_timestamp() AND rolls_back IS NULL
    ORDER BY lease_until LIMIT :limit
""")

# Executions that have their outcome, or an owner who is alive (uq_execution_effective).
TAKEN = text("""
    SELECT execution.approval_id, execution.id, approval.action, execution.worker, execution.flow_run_id,
           CASE WHEN execution.settled_at IS NOT NULL THEN execution.report END AS report
    FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.approval_id = ANY (:approval_ids) AND NOT execution.dry_run AND execution.rolls_back IS NULL
      AND execution.outcome IS DISTINCT FROM 'postponed'
      AND (execution.settled_at IS NOT NULL OR execution.lease_until > clock_timestamp())
""")

# Nobody can tell whether they took effect (ix_execution_unknown_settled_at).
UNKNOWN = text("""
    SELECT approval_id FROM execution WHERE outcome = 'unknown' ORDER BY settled_at LIMIT :limit
""")

# Approvals that are not finished, by status (ix_approval_status_created_at_id).
OPEN_BY_STATUS = text("""
    SELECT status, count(*) AS count FROM approval
    WHERE status IN ('pending', 'approved', 'executing') GROUP BY status ORDER BY status
""")


@dataclass(frozen=True)
class Waiting:
    """An approval that nobody has started."""

    approval_id: UUID
    since: datetime
    """When it was approved, or when its time came."""
    approved_at: datetime
    """When it was approved last: a run that a person cancelled since then withdraws it."""


@dataclass(frozen=True)
class Taken:
    """An execution that nobody else may begin: it has its outcome, or an owner who is alive."""

    approval_id: UUID
    execution_id: UUID
    action: str
    worker: str
    flow_run_id: str
    """Empty where no run of Prefect's has it."""
    report: Mapping[str, Any] | None
    """None before the outcome."""


@dataclass(frozen=True)
class Abandoned:
    """An execution whose owner was silent for longer than its lease."""

    execution_id: UUID
    approval_id: UUID
    dry_run: bool
    worker: str
    fence: int
    lease_until: datetime


def get_execution(session: Session, execution_id: UUID) -> Execution:
    """Return the execution as the database has it now. Raises NotFound."""
    found = session.get(Execution, execution_id, populate_existing=True)
    if found is None:
        raise NotFound(f"execution {execution_id} does not exist")
    return found


def execution_with_approval(session: Session, execution_id: UUID) -> tuple[Execution, Approval]:
    """Return an execution and its approval as they are now."""
    query = select(Execution, Approval).join(Approval, col(Approval.id) == col(Execution.approval_id))
    query = query.where(col(Execution.id) == execution_id).execution_options(populate_existing=True)
    execution, approval = session.exec(query).one()
    return execution, approval


def execution_of(session: Session, approval_id: UUID) -> Execution | None:
    """Return the approval's one execution that can have an effect, None before it is claimed and while it waits."""
    effective = text("NOT dry_run AND rolls_back IS NULL AND outcome IS DISTINCT FROM 'postponed'")
    query = select(Execution).where(col(Execution.approval_id) == approval_id, effective)
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def execution_to_follow(session: Session, identifier: UUID) -> UUID:
    """Return the execution that `identifier` names: itself, or the approval's effective one. Raises NotFound."""
    if session.get(Execution, identifier) is not None:
        return identifier
    found = execution_of(session, identifier)
    if found is None:
        raise NotFound(
            f"{identifier} is no execution and no approval with one", hint="`countersign approvals list` shows them"
        )
    return found.id


def executions_of(session: Session, approval_id: UUID, *, limit: int = 100) -> Sequence[Execution]:
    """Return the approval's executions, dry runs included, newest first."""
    query = select(Execution).where(col(Execution.approval_id) == approval_id)
    query = query.order_by(col(Execution.started_at).desc()).limit(limit)
    return session.exec(query.execution_options(populate_existing=True)).all()


def approvals_of(session: Session, execution_ids: Set[UUID]) -> Mapping[UUID, UUID]:
    """Return which approvals these executions are of."""
    if not execution_ids:
        return {}
    query = select(Execution.id, Execution.approval_id).where(col(Execution.id).in_(execution_ids))
    return dict(session.exec(query).all())


def count_recent_executions(
    session: Session, target_key: str, since: datetime, *, except_for: UUID | None = None
) -> int:
    """Return how many executions took the target since then, for rate limits; `except_for` is not counted."""
    asked = {"target_key": target_key, "since": since, "except_for": except_for}
    return int(session.execute(RECENT_EXECUTIONS, asked).scalar_one())


def recent_executions_at(
    session: Session, target_key: str, since: datetime, *, except_for: UUID | None = None
) -> Sequence[datetime]:
    """Return when the executions that `count_recent_executions` counts took the target, the oldest first."""
    asked = {"target_key": target_key, "since": since, "except_for": except_for}
    return list(session.execute(RECENT_TIMES, asked).scalars())


def never_started(session: Session, *, older_than_seconds: float = 60, limit: int = 100) -> Sequence[UUID]:
    """Return approvals that are due, were approved that long ago and that nobody has claimed, oldest first."""
    return [found.approval_id for found in waiting(session, older_than_seconds=older_than_seconds, limit=limit)]


def waiting(
    session: Session,
    *,
    older_than_seconds: float = 60,
    younger_than_seconds: float = EVER,
    limit: int = 100,
    by_hand: bool = False,
) -> Sequence[Waiting]:
    """Return what `never_started` returns, with the time since when each has been waiting; with `by_hand` also those
    that a person is to start, or whose time has not come.
    """
    asked = {
        "older_than_seconds": older_than_seconds,
        "younger_than_seconds": younger_than_seconds,
        "limit": limit,
        "by_hand": by_hand,
        "asked_seconds": ASKED_SECONDS,
    }
    return [Waiting(row.id, row.since, row.updated_at) for row in session.execute(NEVER_STARTED, asked)]


def open_by_status(session: Session) -> dict[ApprovalStatus, int]:
    """Return how many approvals are pending, approved and executing."""
    counts = {row.status: int(row[1]) for row in session.execute(OPEN_BY_STATUS)}
    return {
        status: counts.get(status.value, 0)
        for status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING)
    }


def abandoned(session: Session, *, limit: int = 100) -> Sequence[Abandoned]:
    """Return executions whose lease is over, the longest silent first."""
    rows = session.execute(ABANDONED, {"limit": limit}).all()
    return [Abandoned(row.id, row.approval_id, row.dry_run, row.worker, row.fence, row.lease_until) for row in rows]


def taken(session: Session, approval_ids: Sequence[UUID]) -> Sequence[Taken]:
    """Return the executions of these approvals that nobody else may begin."""
    rows = session.execute(TAKEN, {"approval_ids": list(approval_ids)}).all()
    return [Taken(row.approval_id, row.id, row.action, row.worker, row.flow_run_id or "", row.report) for row in rows]


def unknown_outcomes(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Return approvals whose execution's outcome a person has to find out, the longest unknown first."""
    return list(session.execute(UNKNOWN, {"limit": limit}).scalars())


def approvals_of_incident(session: Session, incident_id: str, *, limit: int = 100) -> Sequence[Approval]:
    """Return the incident's approvals, newest first."""
    query = select(Approval).where(col(Approval.incident_id) == incident_id)
    return session.exec(query.order_by(col(Approval.created_at).desc()).limit(limit)).all()
