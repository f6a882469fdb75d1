"""The step that takes an execution back. It is an execution of its own, and may be killed at any line.

Run again, it finds the rollback that it began, takes it over once the dead owner's lease is over, asks the target
about every request that has no answer, and goes on; where nothing took effect so far, it decides anew first. It is
made once, has one effect, and ends with the truth. A rollback that is not made is on record, too (not_making).
"""

from time import monotonic

from countersign.aftermath.rollback.decision import Against, Decided, decide
from countersign.aftermath.rollback.performance import finish
from countersign.aftermath.rollback.refusal import put_unmade_on_record
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import StaleFence, Stopped, TookTooLong
from countersign.execution.fault_points import At, unnoticed
from countersign.execution.plan_records import held
from countersign.masking import masked
from countersign.records.database.engine import statements, transaction
from countersign.records.evidence import Seen
from countersign.records.holds import HeldBy
from countersign.records.ledger import require_step
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.rollbacks import rollback_of, start_rollback, take_over_rollback
from countersign.records.states import EventStatus
from countersign.records.tables import Execution
from countersign.records.timeline import add_event
from countersign.texts import text

ACTOR, ROLE = "countersign", "executor"
POLL_SECONDS = 0.25


def roll_back(subject: Subject, *, at: At = unnoticed) -> StepEnd:
    """Take the execution back if it has to be and may be. `at` is told the named points that are passed.

    Raises TargetHeld, TransientTargetError, Stopped, StaleFence: it is tried again then.
    """
    begun = _begun(subject)
    if begun is None:
        decided = decide(subject)
        at("decided")
        match decided:
            case Decided():
                owned = _start(subject, decided)
                at("started")
                finish(subject, owned, taken_over=False, at=at)
            case Against():
                put_unmade_on_record(subject, decided, runner=_runner(subject))
            case _:
                return decided
    elif begun.settled_at is None and (taken := _take_over(subject)) is not None:
        finish(subject, taken, taken_over=True, at=at)
    settled = _begun(subject)
    assert settled is not None, "an execution is kept"
    at("finished")
    return _end_of(settled)


def _begun(subject: Subject) -> Execution | None:
    with statements(subject.engine) as session:
        return rollback_of(session, subject.execution_id)


def _start(subject: Subject, decided: Decided) -> Owned:
    """Make the rollback ours. Raises StaleFence: the step, and with it the rollback, is somebody else's."""
    plan, snapshot = decided.plan, decided.before
    with transaction(subject.engine) as session:
        require_step(session, subject.step)
        started = start_rollback(
            session,
            subject.execution_id,
            plan=plan.to_json(),
            plan_hash=plan.hash,
            seal_plan=lambda made: subject.seal.of_plan(made, plan.hash, rolls_back=subject.execution_id),
            keys=[ref.key for ref in plan.refs],
            before=Seen.of(snapshot.at, snapshot.objects),
            worker=_runner(subject),
            lease_seconds=subject.services.settings.lease_seconds,
            actor=ACTOR,
            operation_type=plan.verb,
            input={"action": masked(subject.approval.action), "rolls_back": str(subject.execution_id)},
        )
        if isinstance(started, HeldBy):
            # Leaving the transaction with an error takes everything back.
            raise held(started)
        if started is None:
            raise StaleFence(f"the rollback of execution {subject.execution_id} is somebody else's")
        add_event(
            session,
            approval_id=subject.approval.id,
            incident_id=subject.incident_id,
            type="rollback_started",
            status=EventStatus.WARNING,
            title=text("timeline.rollback_started"),
            description="; ".join(step.title for step in plan.steps),
            actor=ACTOR,
            actor_role=ROLE,
            once_key=f"rollback_started:{started.execution_id}",
        )
    return started


def _take_over(subject: Subject) -> Owned | None:
    """Wait until the rollback's owner is silent for long enough, or has settled it (None). Raises TookTooLong."""
    lease = subject.services.settings.lease_seconds
    give_up = monotonic() + subject.seconds_left()
    while True:
        with transaction(subject.engine) as session:
            require_step(session, subject.step)
            owned = take_over_rollback(session, subject.execution_id, worker=_runner(subject), lease_seconds=lease)
            found = rollback_of(session, subject.execution_id)
        if owned is not None or found is None or found.settled_at is not None:
            return owned
        if monotonic() >= give_up:
            raise TookTooLong(f"the rollback is {found.worker}'s, who is at it")
        if subject.stop.wait(POLL_SECONDS):
            raise Stopped


def _runner(subject: Subject) -> str:
    return f"step:{subject.step.id}:{subject.step.fence}"


def _end_of(settled: Execution) -> StepEnd:
    assert settled.outcome is not None
    message = str((settled.report or {}).get("message") or settled.error or "")
    if settled.outcome is Outcome.BLOCKED:
        return Skipped(message)
    outcome = text(f"outcome.{settled.outcome.value}")
    return Done(
        {
            "rolled_back": settled.outcome is Outcome.SUCCESS,
            "execution_id": str(settled.id),
            "outcome": settled.outcome.value,
            "summary": text("rollback.summary", outcome=outcome, message=message),
        }
    )
