"""The step ledger: what has to happen after an execution, who is at it, and how it ended.

A step's row is made with the outcome. It is taken by one statement under a lease and a fence, as an execution is,
and every later write carries the fence: a runner that was silent for too long cannot end what another one runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import StaleFence
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT, clipped, told, told_json
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import LedgerStep

LOST_FOR_SECONDS = 5.0
"""For how long a lease is over before the step counts as its runner's no more: twice as long at each attempt."""

# Put steps on the ledger, each once. Arrays of arrays have to be of one length, so `after` comes as JSON.
ADD = text("""
    INSERT INTO ledger_step (id, execution_id, name, position, after, status, fence, attempts, max_attempts, due_at)
    SELECT step.id, :execution_id, step.name, step.position, step.after, 'pending', 0, 0, step.max_attempts,
           clock_timestamp()
    FROM jsonb_to_recordset(:steps)
      AS step (id uuid, name text, position integer, after text[], max_attempts integer)
    ON CONFLICT (execution_id, name) DO NOTHING
""").bindparams(bindparam("steps", type_=JSONB))

# A step may begin when it is due, has attempts left and those before it have ended. An aggregate, which is asked for
# one execution at a time: the planner would look for those before it among all open steps, for each of them.
BEFORE_IT_OPEN = """
    (SELECT coalesce(bool_or(earlier.status IN ('pending', 'running')), false) FROM ledger_step AS earlier
     WHERE earlier.execution_id = step.execution_id AND earlier.name = ANY (step.after))
"""
_MAY_BEGIN = f"""
    step.status IN ('pending', 'running') AND step.due_at <= clock_timestamp() AND step.attempts < step.max_attempts
      AND NOT {BEFORE_IT_OPEN}
"""

# Which steps of an execution may begin now.
READY = text(f"""
    SELECT step.name FROM ledger_step AS step
    WHERE step.execution_id = :execution_id AND {_MAY_BEGIN}
    ORDER BY step.position
""")  # noqa: S608 - a constant of this module

# Take a step. Of any number of runners at once one gets a row: the others then find it due later.
TAKE = text(f"""
    UPDATE ledger_step AS step
    SET status = 'running', fence = step.fence + 1, attempts = step.attempts + 1, runner = :runner,
        started_at = clock_timestamp(), due_at = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE step.execution_id = :execution_id AND step.name = :name AND {_MAY_BEGIN}
    RETURNING step.id, step.fence, step.attempts, step.max_attempts
""")  # noqa: S608 - a constant of this module

# Keep a step for longer. An expired lease can be renewed as long as nobody has taken the step.
KEEP = text("""
    UPDATE ledger_step SET due_at = clock_timestamp() + make_interval(secs => :lease_seconds)
    WHERE id = :id AND fence = :fence AND status = 'running'
    RETURNING id
""")

# Say of steps that nobody has begun that somebody is about to. One whose time has not come waits for that; one that
# somebody else is just taking is left to them.
KEEP_QUEUED = text("""
    UPDATE ledger_step SET due_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM ledger_step
        WHERE execution_id = ANY (:execution_ids) AND status = 'pending'
          AND due_at <= clock_timestamp() - make_interval(secs => :older_than)
        FOR UPDATE SKIP LOCKED
    )
""")

# Whether a step is still ours; it stays so until this transaction ends. A lease that is over is no loss as long as
# nobody has taken the step.
OURS = text("""
    SELECT id FROM ledger_step
    WHERE id = :id AND fence = :fence AND status = 'running'
    FOR SHARE
""")

# What an attempt sees on its way, by the database's clock. Its end takes the place of it.
SEE = text("""
    UPDATE ledger_step
    SET result = jsonb_build_object('so_far', jsonb_build_object(
        'waiting_for', CAST(:waiting_for AS jsonb), 'until', clock_timestamp() + make_interval(secs => :seconds)))
    WHERE id = :id AND fence = :fence AND status = 'running'
""").bindparams(bindparam("waiting_for", type_=JSONB))

# End an attempt well, if it is still ours, and put away the letter of a step that was dead before.
END = text("""
    WITH ended AS (
        UPDATE ledger_step
        SET status = :status, reason = :reason, result = :result, error = NULL, ended_at = clock_timestamp()
        WHERE id = :id AND fence = :fence AND status = 'running'
        RETURNING *
    ), letter AS (
        UPDATE dead_letter SET resolved_at = clock_timestamp(), next_replay_at = NULL
        FROM ended WHERE dead_letter.step_id = ended.id AND dead_letter.resolved_at IS NULL
    )
    SELECT * FROM ended
""").bindparams(bindparam("result", type_=JSONB))

# End an attempt badly: tried again later, or dead once every attempt is used up.
FAIL = text("""
    UPDATE ledger_step
    SET status = CASE WHEN attempts < max_attempts THEN 'pending' ELSE 'dead' END,
        ended_at = CASE WHEN attempts < max_attempts THEN NULL ELSE clock_timestamp() END,
        due_at = clock_timestamp() + make_interval(secs => :pause_seconds), error = :error
    WHERE id = :id AND fence = :fence AND status = 'running'
    RETURNING id, status
""")

# A runner that lives renews its lease after an outage, and a step that kills its runners does so less and less often.
_LOST_FOR = "make_interval(secs => :lost_for * 2 ^ (LEAST(attempts, 6) - 1))"

# Steps whose runner died at the last attempt: nobody else ends them.
EXHAUSTED = text(f"""
    UPDATE ledger_step
    SET status = 'dead', ended_at = clock_timestamp(), error = coalesce(error, :error)
    WHERE id IN (
        SELECT id FROM ledger_step
        WHERE status IN ('pending', 'running') AND status = 'running' AND due_at <= clock_timestamp() - {_LOST_FOR}
          AND attempts >= max_attempts
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id
""")  # noqa: S608 - a constant of this module

# Executions with steps that are due, the oldest first (ix_ledger_step_open_due_at). One that nobody has begun may be
# about to be.
DUE = text(f"""
    SELECT ready.execution_id, min(ready.due_at) AS since, array_agg(ready.name ORDER BY ready.position) AS names
    FROM (
        SELECT * FROM ledger_step AS step
        WHERE {_MAY_BEGIN} AND step.due_at <= clock_timestamp()
          - CASE step.status WHEN 'running' THEN {_LOST_FOR} ELSE make_interval(secs => :older_than) END
        ORDER BY step.due_at LIMIT :looked_at
    ) AS ready
    GROUP BY ready.execution_id ORDER BY since LIMIT :limit
""")  # noqa: S608 - a constant of this module


@dataclass(frozen=True)
class NewStep:
    """A step to be put on the ledger."""

    name: StepName
    position: int
    after: tuple[StepName, ...] = ()
    """It waits until these have ended, in whatever way; for a name that the execution does not have it does not."""
    max_attempts: int = 5


@dataclass(frozen=True)
class TakenStep:
    """A step that is ours until its lease ends; every write carries the fence."""

    id: UUID
    execution_id: UUID
    name: StepName
    fence: int
    attempt: int
    max_attempts: int


@dataclass(frozen=True)
class SoFar:
    """What a verification sees that is still looking."""

    waiting_for: tuple[str, ...]
    """What is not as wanted yet, in sentences; empty where everything is, and it is watched whether it stays so."""
    until: datetime
    """When it stops looking."""


@dataclass(frozen=True)
class DueSteps:
    """Steps of one execution that nobody runs although they could begin."""

    execution_id: UUID
    names: tuple[StepName, ...]
    since: datetime


def add_steps(session: Session, execution_id: UUID, steps: Sequence[NewStep]) -> None:
    """Put `steps` on the ledger; those that are there stay as they are."""
    if not steps:
        return
    rows = [
        {
            "id": str(new_id()),
            "name": step.name.value,
            "position": step.position,
            "after": [name.value for name in step.after],
            "max_attempts": step.max_attempts,
        }
        for step in steps
    ]
    session.execute(ADD, {"execution_id": execution_id, "steps": rows})


def keep_queued(session: Session, execution_ids: Sequence[UUID], *, older_than_seconds: float) -> None:
    """Say that the steps of these executions which were due for so long are about to be begun."""
    session.execute(KEEP_QUEUED, {"execution_ids": list(execution_ids), "older_than": older_than_seconds})


def steps_ready(session: Session, execution_id: UUID) -> tuple[StepName, ...]:
    """Return the steps of an execution that may begin now, in their order."""
    return tuple(StepName(row.name) for row in session.execute(READY, {"execution_id": execution_id}))


def take_step(
    session: Session, execution_id: UUID, name: StepName, *, runner: str, lease_seconds: float
) -> TakenStep | None:
    """Make the step ours for `lease_seconds`; None where it may not begin: ended, not due, waiting, or somebody's."""
    asked = {"execution_id": execution_id, "name": name.value, "runner": runner, "lease_seconds": lease_seconds}
    row = session.execute(TAKE, asked).one_or_none()
    if row is None:
        return None
    return TakenStep(row.id, execution_id, name, row.fence, row.attempts, row.max_attempts)


def keep_step(session: Session, step: TakenStep, lease_seconds: float) -> None:
    """Keep the step for `lease_seconds` from now. Raises StaleFence."""
    asked = {"id": step.id, "fence": step.fence, "lease_seconds": lease_seconds}
    if session.execute(KEEP, asked).one_or_none() is None:
        raise _not_ours(step)


def require_step(session: Session, step: TakenStep) -> None:
    """Raise StaleFence unless the step is ours; until this transaction ends, it stays so."""
    if session.execute(OURS, {"id": step.id, "fence": step.fence}).one_or_none() is None:
        raise _not_ours(step)


def note_so_far(session: Session, step: TakenStep, waiting_for: Sequence[str], *, seconds: float) -> None:
    """Put on record what the step waits for, and that it looks for `seconds` more at most; nothing where it is not
    ours any more.
    """
    seen = {"waiting_for": told_json(list(waiting_for)), "seconds": seconds}
    session.execute(SEE, {"id": step.id, "fence": step.fence, **seen})


def so_far_of(row: LedgerStep) -> SoFar | None:
    """Return what a step that is running sees on its way, None where it says nothing."""
    seen = (row.result or {}).get("so_far")
    if row.status is not StepStatus.RUNNING or seen is None:
        return None
    return SoFar(tuple(seen["waiting_for"]), datetime.fromisoformat(seen["until"]))


def end_step(
    session: Session, step: TakenStep, *, result: Mapping[str, Any] | None = None, skipped: str | None = None
) -> LedgerStep:
    """End the step as done with `result`, or as skipped for the reason `skipped`; a letter of it is put away.

    Returns its row. Raises StaleFence.
    """
    status = StepStatus.DONE if skipped is None else StepStatus.SKIPPED
    asked = {
        "id": step.id,
        "fence": step.fence,
        "status": status.value,
        "reason": None if skipped is None else told(skipped),
        "result": None if result is None else told_json(result),
    }
    ended = select(LedgerStep).from_statement(END).execution_options(populate_existing=True)
    row: LedgerStep | None = session.scalars(ended, asked).one_or_none()
    if row is None:
        raise _not_ours(step)
    return row


def fail_step(session: Session, step: TakenStep, *, error: str, pause_seconds: float) -> StepStatus:
    """End the attempt; the step is tried again after `pause_seconds`, or dead. Raises StaleFence."""
    asked = {"id": step.id, "fence": step.fence, "error": clipped(error, ERROR_LIMIT), "pause_seconds": pause_seconds}
    row = session.execute(FAIL, asked).one_or_none()
    if row is None:
        raise _not_ours(step)
    return StepStatus(row.status)


def bury_exhausted(session: Session, *, error: str, limit: int = 100) -> tuple[UUID, ...]:
    """End steps as dead whose runners died at every attempt; return their ids."""
    asked = {"error": error, "limit": limit, "lost_for": LOST_FOR_SECONDS}
    return tuple(row.id for row in session.execute(EXHAUSTED, asked))


def steps_due(session: Session, *, older_than_seconds: float = 0, limit: int = 100) -> tuple[DueSteps, ...]:
    """Return executions with steps that could have begun `older_than_seconds` ago, or whose runner was silent for too
    long, the oldest first.
    """
    asked = {"older_than": older_than_seconds, "lost_for": LOST_FOR_SECONDS, "limit": limit, "looked_at": limit * 20}
    rows = session.execute(DUE, asked)
    return tuple(DueSteps(row.execution_id, tuple(map(StepName, row.names)), row.since) for row in rows)


def step_of(session: Session, execution_id: UUID, name: StepName) -> LedgerStep | None:
    """Return one step of an execution, None where it has no such step."""
    query = select(LedgerStep).where(col(LedgerStep.execution_id) == execution_id, col(LedgerStep.name) == name)
    return session.exec(query).one_or_none()


def steps_of(session: Session, execution_id: UUID) -> Sequence[LedgerStep]:
    """Return an execution's steps in their order."""
    query = select(LedgerStep).where(col(LedgerStep.execution_id) == execution_id)
    return session.exec(query.order_by(col(LedgerStep.position))).all()


def _not_ours(step: TakenStep) -> StaleFence:
    return StaleFence(f"step {step.name} of execution {step.execution_id} is not ours any more")
