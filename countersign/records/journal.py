"""The journal: what an execution is about to send, written before it, and what became of it, written after.

A process that dies in between leaves an intent without an answer. Whoever takes over reads it and asks the
target before sending anything again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import ApprovalExpired, KillSwitchOn
from countersign.records.audit_events import Event
from countersign.records.audit_sources import JOURNAL_ENTRY, tell
from countersign.records.control import kill_switch
from countersign.records.database.storable import clean_json, told_json
from countersign.records.owned import Owned, refused_write
from countersign.records.states import Answer, EntryKind
from countersign.records.tables import JournalEntry

# Write the intent if, at this very moment, the execution is ours, its lease lasts, the kill switch is off and the
# approval has not expired. What changes nothing (waiting for what was sent) does not expire, nor does a rollback,
# whose time is its own. The share locks order this against a takeover and against the switch: whichever commits
# first is seen by the other. So a new owner reads every intent there will ever be of the old one, and once the
# switch is set, no further intent is written.
INTEND = text("""
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, payload, mac, at)
    SELECT execution.id, execution.fence, 'intent', :step, :attempt, :payload, :mac, clock_timestamp()
    FROM execution JOIN approval ON approval.id = execution.approval_id, control
    WHERE execution.id = :execution_id AND execution.fence = :fence AND execution.settled_at IS NULL
      AND NOT execution.dry_run
      AND (NOT :expires OR execution.rolls_back IS NOT NULL OR approval.expires_at IS NULL
           OR approval.expires_at > clock_timestamp())
      AND execution.lease_until > clock_timestamp() + make_interval(secs => :lease_needed_seconds)
      AND control.name = 'kill_switch' AND NOT control.is_on
    FOR SHARE OF execution, control
    RETURNING seq
""").bindparams(bindparam("payload", type_=JSONB))

# When the execution's approval expired, if it has.
EXPIRED = text("""
    SELECT approval.expires_at FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.id = :execution_id AND execution.rolls_back IS NULL
      AND approval.expires_at <= clock_timestamp()
""")

# Write what became of a step. A lease that ran out meanwhile does not make the answer less true.
ANSWER = text("""
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, mac, at)
    SELECT id, fence, 'answer', :step, :attempt, :answer, :payload, :mac, clock_timestamp()
    FROM execution
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    FOR SHARE
    RETURNING seq
""").bindparams(bindparam("payload", type_=JSONB))


Sealing = Callable[[Mapping[str, Any]], str]
"""From an entry's facts, as they are stored, to its seal."""


@dataclass(frozen=True)
class StepProgress:
    """How far one step came, over all owners."""

    step: str
    attempts: int
    """Requests that may have left so far."""
    landed: bool
    open: bool
    """Sent or about to be, and not known what became of it: inspect before anything else."""
    last_answer: Answer | None
    detail: Mapping[str, Any]
    """Of the last answer."""
    given_up: bool = False
    """A request had no answer, and the target showed nothing of it when it was asked: it may still be under way."""


def record_intent(
    session: Session,
    owned: Owned,
    *,
    step: str,
    attempt: int,
    payload: Mapping[str, Any],
    lease_needed_seconds: float = 0,
    expires: bool = True,
    sealing: Sealing,
) -> int:
    """Write down that a step is about to be sent, and return the entry's number. Commit, then send.

    `lease_needed_seconds` is how long the lease must still last, e.g. the request's time limit; `expires` is false
    for a step that changes nothing. Raises KillSwitchOn, ApprovalExpired, or StaleFence when the execution is no
    longer ours (or a dry run, which sends nothing).
    """
    stored = clean_json(payload)
    row = session.execute(
        INTEND,
        {
            "execution_id": owned.execution_id,
            "fence": owned.fence,
            "step": step,
            "attempt": attempt,
            "payload": stored,
            "mac": sealing(
                facts(owned, kind=EntryKind.INTENT, step=step, attempt=attempt, answer=None, payload=stored)
            ),
            "lease_needed_seconds": lease_needed_seconds,
            "expires": expires,
        },
    ).one_or_none()
    if row is not None:
        tell(session, Event.INTENT_WRITTEN, JOURNAL_ENTRY, row.seq)
        return int(row.seq)
    switch = kill_switch(session)
    if switch.is_on:
        raise KillSwitchOn(
            f"the kill switch is on, set by {switch.changed_by}: {switch.reason}",
            hint="`countersign kill-switch off` allows actions again",
            passing=True,
        )
    expired = session.execute(EXPIRED, {"execution_id": owned.execution_id}).scalar_one_or_none()
    if expires and expired is not None:
        raise ApprovalExpired.at(expired)
    raise refused_write(session, owned)


def record_answer(
    session: Session,
    owned: Owned,
    *,
    step: str,
    attempt: int,
    answer: Answer,
    detail: Mapping[str, Any] | None = None,
    sealing: Sealing,
) -> int:
    """Write down what became of a step, and return the entry's number. Raises StaleFence."""
    stored = told_json(detail or {})
    row = session.execute(
        ANSWER,
        {
            "execution_id": owned.execution_id,
            "fence": owned.fence,
            "step": step,
            "attempt": attempt,
            "answer": answer.value,
            "payload": stored,
            "mac": sealing(
                facts(owned, kind=EntryKind.ANSWER, step=step, attempt=attempt, answer=answer, payload=stored)
            ),
        },
    ).one_or_none()
    if row is None:
        raise refused_write(session, owned)
    tell(session, Event.ANSWER_WRITTEN, JOURNAL_ENTRY, row.seq)
    return int(row.seq)


def facts(
    owned: Owned,
    *,
    kind: EntryKind,
    step: str,
    attempt: int,
    answer: Answer | None,
    payload: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what an entry says as JSON values: what its seal is made over."""
    return {
        "execution": str(owned.execution_id),
        "fence": owned.fence,
        "kind": kind.value,
        "step": step,
        "attempt": attempt,
        "answer": None if answer is None else answer.value,
        "payload": payload,
    }


def entries(session: Session, execution_id: UUID) -> Sequence[JournalEntry]:
    """Return the execution's journal in the order in which it was written."""
    return session.exec(
        select(JournalEntry).where(col(JournalEntry.execution_id) == execution_id).order_by(col(JournalEntry.seq))
    ).all()


def progress(journal: Sequence[JournalEntry]) -> dict[str, StepProgress]:
    """Return, by step in the order of first intent, how far each came. Pure."""
    found: dict[str, StepProgress] = {}
    for entry in journal:
        before = found.get(entry.step, StepProgress(entry.step, 0, False, False, None, {}))
        match entry.kind:
            case EntryKind.INTENT:
                after = StepProgress(
                    entry.step,
                    before.attempts + 1,
                    before.landed,
                    True,
                    before.last_answer,
                    before.detail,
                    before.given_up,
                )
            case EntryKind.ANSWER:
                landed = before.landed or entry.answer is Answer.LANDED
                still_open = entry.answer is Answer.UNCLEAR and not landed
                # What never left was no attempt.
                attempts = max(0, before.attempts - (entry.answer is Answer.NOT_SENT))
                given_up = before.given_up or entry.answer is Answer.NOT_LANDED
                after = StepProgress(entry.step, attempts, landed, still_open, entry.answer, entry.payload, given_up)
        found[entry.step] = after
    return found


def landed_steps(session: Session, execution_id: UUID) -> frozenset[str]:
    """Return the steps whose effect is known to have happened."""
    return frozenset(key for key, step in progress(entries(session, execution_id)).items() if step.landed)


def intended_steps(session: Session, execution_id: UUID) -> frozenset[str]:
    """Return the steps of which it is not known what became of them: inspect these first."""
    found = progress(entries(session, execution_id))
    return frozenset(key for key, step in found.items() if step.open and not step.landed)
