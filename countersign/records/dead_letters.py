"""Dead letters: steps that have used up their attempts. They are kept, shown, and tried again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import told_json
from countersign.records.places import Place
from countersign.records.states import StepName
from countersign.records.tables import DeadLetter

# Keep a dead step with its last error. One that died again waits longer for its next replay, and after the last
# one for a person.
BURY = text("""
    INSERT INTO dead_letter AS letter
        (id, step_id, execution_id, name, payload, error, replays, next_replay_at, created_at)
    SELECT :id, step.id, step.execution_id, step.name, :payload, coalesce(step.error, 'no error was recorded'), 0,
           CASE WHEN :replays > 0 THEN clock_timestamp() + make_interval(secs => :pause_seconds) END,
           clock_timestamp()
    FROM ledger_step AS step WHERE step.id = :step_id AND step.status = 'dead'
    ON CONFLICT (step_id) DO UPDATE SET
        error = excluded.error, resolved_at = NULL,
        next_replay_at = CASE WHEN letter.replays < :replays
            THEN clock_timestamp() + make_interval(secs => :pause_seconds * power(2, letter.replays)) END
""").bindparams(bindparam("payload", type_=JSONB))

# Letters whose time for another replay has come (ix_dead_letter_open_next_at).
DUE = text("""
    SELECT id FROM dead_letter WHERE resolved_at IS NULL AND next_replay_at <= clock_timestamp()
    ORDER BY next_replay_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")

# Let dead steps begin again. Replayed by itself a step gets one attempt more, by a person all of them.
REPLAY = text("""
    WITH letter AS (
        UPDATE dead_letter SET replays = replays + 1, next_replay_at = NULL
        WHERE id = ANY (:ids) AND resolved_at IS NULL
        RETURNING step_id, execution_id
    )
    UPDATE ledger_step AS step
    SET status = 'pending', ended_at = NULL, due_at = clock_timestamp(),
        attempts = CASE WHEN :from_the_start THEN 0 ELSE step.max_attempts - 1 END
    FROM letter WHERE step.id = letter.step_id AND step.status = 'dead'
    RETURNING step.execution_id, step.name
""")


def bury(session: Session, step_id: UUID, *, payload: Mapping[str, Any], pause_seconds: float, replays: int) -> None:
    """Keep the dead step; it is replayed by itself `replays` times, first after `pause_seconds`, then ever later."""
    asked = {"payload": told_json(payload), "pause_seconds": pause_seconds, "replays": replays}
    session.execute(BURY, {"id": new_id(), "step_id": step_id, **asked})


def replay_due(session: Session, *, limit: int = 100) -> tuple[tuple[UUID, StepName], ...]:
    """Let the steps begin again whose letters are due; return their executions and names."""
    ids = [row.id for row in session.execute(DUE, {"limit": limit})]
    return _replay(session, ids, from_the_start=False)


def replay_letters(session: Session, ids: Sequence[UUID]) -> tuple[tuple[UUID, StepName], ...]:
    """Let the steps of the letters `ids` begin again, with all their attempts. Raises NotFound."""
    replayed = _replay(session, ids, from_the_start=True)
    if ids and not replayed:
        raise NotFound("no open dead letter has one of these ids", hint="`countersign dead-letters list` shows them")
    return replayed


def get_letter(session: Session, letter_id: UUID) -> DeadLetter:
    """Return a letter as it is now. Raises NotFound."""
    found = session.get(DeadLetter, letter_id, populate_existing=True)
    if found is None:
        raise NotFound(f"dead letter {letter_id} does not exist", hint="`countersign dead-letters list` shows them")
    return found


def letter_of(session: Session, execution_id: UUID, name: StepName) -> DeadLetter:
    """Return the letter of a dead step. Raises NotFound where the step is not dead."""
    query = select(DeadLetter).where(
        col(DeadLetter.execution_id) == execution_id, col(DeadLetter.name) == name, text("resolved_at IS NULL")
    )
    found = session.exec(query).one_or_none()
    if found is None:
        raise NotFound(f"step {name} of execution {execution_id} is not dead", hint="only a dead step is replayed")
    return found


def open_letters(
    session: Session, *, name: StepName | None = None, after: Place | None = None, limit: int = 100
) -> Sequence[DeadLetter]:
    """Return the letters that are not resolved, of one kind of step or of all, oldest first, from behind a place."""
    query = select(DeadLetter).where(text("resolved_at IS NULL"))
    if name is not None:
        query = query.where(col(DeadLetter.name) == name)
    if after is not None:
        query = query.where(
            tuple_(col(DeadLetter.created_at), col(DeadLetter.id)) > (after.created_at, UUID(after.id))
        )
    return session.exec(query.order_by(col(DeadLetter.created_at), col(DeadLetter.id)).limit(limit)).all()


def letters_about(session: Session, step_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
    """Return the letters of these steps that are not resolved."""
    query = select(DeadLetter).where(col(DeadLetter.step_id).in_(step_ids), text("resolved_at IS NULL"))
    return session.exec(query).all()


def _replay(session: Session, ids: Sequence[UUID], *, from_the_start: bool) -> tuple[tuple[UUID, StepName], ...]:
    if not ids:
        return ()
    rows = session.execute(REPLAY, {"ids": list(ids), "from_the_start": from_the_start})
    return tuple((row.execution_id, StepName(row.name)) for row in rows)
