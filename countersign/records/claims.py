"""Claiming an approval: the one statement that decides who may act, and the lease that keeps the right alive.

An approval has at most one execution that can have an effect (uq_execution_effective). Its owner is known by
the fence: a number that rises with every takeover and that every write carries. A worker that is silent for
longer than its lease loses the execution to whoever asks next.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import Session

from countersign.errors import NotFound
from countersign.records.approvals import forget_asked
from countersign.records.audit_events import Event
from countersign.records.audit_sources import EXECUTION, OWNER, tell
from countersign.records.database.identifiers import new_id
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned, refused_write
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Execution

# Turn approved into executing and create the execution. Of any number of callers at once, one gets a row:
# the others wait for its row lock, then find the condition no longer true.
CLAIM = text("""
    WITH taken AS (
        UPDATE approval SET status = 'executing', updated_at = clock_timestamp(),
                            waiting_until = NULL, waiting_reason = NULL
        WHERE id = :approval_id AND status = 'approved' AND (expires_at IS NULL OR expires_at > clock_timestamp())
          AND (not_before IS NULL OR not_before <= clock_timestamp())
          AND (parameters->>'reading' = 'observation' OR NOT (SELECT is_on FROM control WHERE name = 'kill_switch'))
        RETURNING id
    )
    INSERT INTO execution (id, approval_id, dry_run, fence, worker, flow_run_id, started_at, lease_until)
    SELECT :execution_id, taken.id, false, 1, :worker, :flow_run_id, clock_timestamp(),
           clock_timestamp() + make_interval(secs => :lease_seconds)
    FROM taken
    RETURNING id, fence, worker, lease_until
""")

# Take an execution over whose owner was silent for too long. Of several callers, one raises the fence; the
# others then find a lease that is not over.
TAKE_OVER = text("""
    UPDATE execution
    SET fence = fence + 1, worker = :worker, flow_run_id = :flow_run_id,
        lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE approval_id = :approval_id AND NOT dry_run AND rolls_back IS NULL
      AND settled_at IS NULL AND lease_until <= clock_timestamp()
    RETURNING id, fence, worker, lease_until
""")

# What the losers are told.
STATE = text("""
    SELECT approval.status, approval.rejection_reason, approval.expires_at,
           approval.expires_at <= clock_timestamp() AS is_expired,
           approval.not_before, approval.not_before > clock_timestamp() AS is_early,
           execution.id, execution.fence, execution.worker, execution.flow_run_id, execution.lease_until,
           execution.lease_until <= clock_timestamp() AS is_abandoned, execution.outcome,
           parameters->>'reading' IS DISTINCT FROM 'observation'
           AND control.is_on AS is_switched_off, control.reason || ' (' || control.changed_by || ')' AS switch_reason
    FROM control, approval LEFT JOIN execution
      ON execution.approval_id = approval.id AND NOT execution.dry_run AND execution.rolls_back IS NULL
         AND execution.outcome IS DISTINCT FROM 'postponed'
    WHERE approval.id = :approval_id AND control.name = 'kill_switch'
""")

# A dry run claims nothing: it has an execution of its own and can have no effect.
START_DRY_RUN = text("""
    INSERT INTO execution (id, approval_id, dry_run, fence, worker, flow_run_id, started_at, lease_until)
    SELECT :execution_id, id, true, 1, :worker, :flow_run_id, clock_timestamp(),
           clock_timestamp() + make_interval(secs => :lease_seconds)
    FROM approval WHERE id = :approval_id
    RETURNING id
""")

# Take over a dry run whose owner was silent for too long, to settle it.
TAKE_OVER_DRY_RUN = text("""
    UPDATE execution
    SET fence = fence + 1, worker = :worker, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE id = :execution_id AND dry_run AND settled_at IS NULL AND lease_until <= clock_timestamp()
    RETURNING id, fence
""")

# Keep an execution for longer. An expired lease can be renewed as long as nobody has taken over.
EXTEND = text("""
    UPDATE execution SET lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    RETURNING lease_until
""")

# The state can move on between two statements (an approval is signed, a lease runs out): look again then.
LOOKS = 5


class ClaimResult(StrEnum):
    """What came of asking for an approval."""

    CLAIMED = "claimed"
    """It is ours; nothing was sent before."""
    TAKEN_OVER = "taken_over"
    """It is ours after another worker's silence; the stored plan and journal say how far that one came."""
    HELD = "held"
    """Another worker is at it."""
    FINISHED = "finished"
    """It has its outcome."""
    NOT_CLAIMABLE = "not_claimable"
    """It is not approved, or expired, or the kill switch is on; `reason` says which."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The answer to a claim. `owned` is set for CLAIMED and TAKEN_OVER only."""

    result: ClaimResult
    approval_id: UUID
    status: ApprovalStatus
    """The approval's status after the claim."""
    owned: Owned | None = None
    execution_id: UUID | None = None
    """None for NOT_CLAIMABLE."""
    worker: str | None = None
    flow_run_id: str | None = None
    lease_until: datetime | None = None
    outcome: Outcome | None = None
    """Set for FINISHED."""
    reason: str | None = None
    """A sentence, for NOT_CLAIMABLE."""
    switched_off: bool = False
    """Whether the kill switch is what keeps it from being claimed."""


def claim(
    session: Session, approval_id: UUID, *, worker: str, flow_run_id: str | None, lease_seconds: float
) -> Claim:
    """Ask for the right to execute an approval. Losing is a normal answer; raises NotFound alone."""
    asked = {
        "approval_id": approval_id,
        "execution_id": new_id(),
        "worker": worker,
        "flow_run_id": flow_run_id,
        "lease_seconds": lease_seconds,
    }
    status = ApprovalStatus.APPROVED
    for _ in range(LOOKS):
        if (row := session.execute(CLAIM, asked).one_or_none()) is not None:
            tell(session, Event.CLAIM_MADE, EXECUTION, row.id)
            return _won(ClaimResult.CLAIMED, approval_id, flow_run_id, row)
        if (row := session.execute(TAKE_OVER, asked).one_or_none()) is not None:
            tell(session, Event.CLAIM_TAKEN_OVER, OWNER, row.id)
            return _won(ClaimResult.TAKEN_OVER, approval_id, flow_run_id, row)
        state = session.execute(STATE, {"approval_id": approval_id}).one_or_none()
        if state is None:
            raise NotFound(f"approval {approval_id} does not exist", hint="`countersign approvals list` shows all")
        if (lost := _lost(approval_id, state)) is not None:
            if lost.result is ClaimResult.NOT_CLAIMABLE:
                forget_asked(session, approval_id)
            return lost
        status = ApprovalStatus(state.status)
    return Claim(
        result=ClaimResult.NOT_CLAIMABLE,
        approval_id=approval_id,
        status=status,
        reason="the approval changed faster than it could be claimed; ask again",
    )


def start_dry_run(
    session: Session, approval_id: UUID, *, worker: str, flow_run_id: str | None, lease_seconds: float
) -> Execution:
    """Create the execution of a dry run, whatever the approval's status. Raises NotFound."""
    row = session.execute(
        START_DRY_RUN,
        {
            "approval_id": approval_id,
            "execution_id": new_id(),
            "worker": worker,
            "flow_run_id": flow_run_id,
            "lease_seconds": lease_seconds,
        },
    ).one_or_none()
    if row is None:
        raise NotFound(f"approval {approval_id} does not exist", hint="`countersign approvals list` shows all")
    tell(session, Event.DRY_RUN_STARTED, EXECUTION, row.id)
    return session.get_one(Execution, row.id)


def take_over_dry_run(session: Session, execution_id: UUID, *, worker: str, lease_seconds: float) -> Owned | None:
    """Make an abandoned dry run ours; None if somebody else has it or it is settled."""
    asked = {"execution_id": execution_id, "worker": worker, "lease_seconds": lease_seconds}
    row = session.execute(TAKE_OVER_DRY_RUN, asked).one_or_none()
    if row is None:
        return None
    tell(session, Event.DRY_RUN_TAKEN_OVER, OWNER, row.id)
    return Owned(row.id, row.fence)


def extend_lease(session: Session, owned: Owned, lease_seconds: float) -> datetime:
    """Keep the execution for `lease_seconds` from now and return the lease's end. Raises StaleFence."""
    row = session.execute(
        EXTEND, {"execution_id": owned.execution_id, "fence": owned.fence, "lease_seconds": lease_seconds}
    ).one_or_none()
    if row is None:
        raise refused_write(session, owned)
    lease_until: datetime = row.lease_until
    return lease_until


def _won(result: ClaimResult, approval_id: UUID, flow_run_id: str | None, row: Row[tuple[object, ...]]) -> Claim:
    return Claim(
        result=result,
        approval_id=approval_id,
        status=ApprovalStatus.EXECUTING,
        owned=Owned(row.id, row.fence),
        execution_id=row.id,
        worker=row.worker,
        flow_run_id=flow_run_id,
        lease_until=row.lease_until,
    )


def _lost(approval_id: UUID, state: Row[tuple[object, ...]]) -> Claim | None:
    """Return what a loser is told, None when the state has become claimable since."""
    status = ApprovalStatus(state.status)
    if state.id is not None:
        if state.outcome is None and state.is_abandoned:
            return None
        return Claim(
            result=ClaimResult.HELD if state.outcome is None else ClaimResult.FINISHED,
            approval_id=approval_id,
            status=status,
            execution_id=state.id,
            worker=state.worker,
            flow_run_id=state.flow_run_id,
            lease_until=state.lease_until,
            outcome=None if state.outcome is None else Outcome(state.outcome),
        )
    if (
        status is ApprovalStatus.APPROVED
        and not state.is_expired
        and not state.is_early
        and not state.is_switched_off
    ):
        return None
    return Claim(
        result=ClaimResult.NOT_CLAIMABLE,
        approval_id=approval_id,
        status=status,
        reason=_why_not(status, state),
        switched_off=status is ApprovalStatus.APPROVED and bool(state.is_switched_off) and not state.is_expired,
    )


def _why_not(status: ApprovalStatus, state: Row[tuple[object, ...]]) -> str:
    """Why nobody may claim it."""
    approved = status is ApprovalStatus.APPROVED
    if status is ApprovalStatus.EXPIRED or (approved and state.is_expired):
        return f"the approval expired at {_moment(state.expires_at)}"
    if not approved:
        return f"the approval is {status}" + (f": {state.rejection_reason}" if state.rejection_reason else "")
    if state.is_early:
        return f"the approval may not be started before {_moment(state.not_before)}"
    return f"the kill switch is on: {state.switch_reason}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
