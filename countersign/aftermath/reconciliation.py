"""What reconciliation finds after executions, and does: one function per kind of finding, each bounded.

Steps themselves are only found here: they may have to wait, and a round must not. `run_due_steps` is for those who
have the time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session

from countersign.aftermath.finalisation import Finalising, finalise
from countersign.aftermath.incidents.resolution import settle_incident
from countersign.aftermath.rollback.abandonment import quiet_seconds, settle_abandoned_rollback
from countersign.aftermath.step_lease import QUEUED_SECONDS
from countersign.aftermath.step_runner import payload_of, run_steps
from countersign.errors import CountersignError
from countersign.execution.reconciliation import BATCH, round_of
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.approvals import get_approval
from countersign.records.auto_repairs import repairs_due
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import bury, replay_due
from countersign.records.findings import Finding
from countersign.records.incidents import Stuck, stuck_incidents
from countersign.records.ledger import DueSteps, bury_exhausted, steps_due
from countersign.records.queries import get_execution
from countersign.records.rollbacks import AbandonedRollback, abandoned_rollbacks
from countersign.records.tables import LedgerStep
from countersign.texts import text

T = TypeVar("T")
F = TypeVar("F", Finding, Finding | None)
logger = get_logger(__name__)
OPEN_FOR_SECONDS = 3 * QUEUED_SECONDS
"""A step that nobody has begun for this long is not about to be begun by the run that it belongs to, which would have
said so.
"""
AT_ONCE = 4
"""Executions whose steps are run at the same time."""
ROLLBACKS = 20
"""Abandoned rollbacks that one round takes on. A target that does not answer keeps a round for its requests' time
limits only, and those that were asked in vain are not found again before their new lease is over."""


@dataclass(frozen=True)
class ToFollow:
    """An execution with steps that nobody runs."""

    due: DueSteps
    age_seconds: float
    key: str
    """The same until the next try is due, so that however many rounds start it, one run comes of it."""

    @property
    def names(self) -> str:
        """Return the steps' names for people."""
        return ", ".join(text(f"step_name.{name}") for name in self.due.names)


def open_steps(services: Services, *, older_than_seconds: float = OPEN_FOR_SECONDS) -> Sequence[ToFollow]:
    """Return executions with steps that could be done and that nobody does."""
    with transaction(services.engine) as session:
        found = steps_due(session, older_than_seconds=older_than_seconds, limit=BATCH)
    now = datetime.now(UTC)
    return [
        ToFollow(due, age, f"steps:{due.execution_id}:{due.since.timestamp()}:{round_of(age)}")
        for due in found
        for age in [(now - due.since).total_seconds()]
    ]


def run_due_steps(
    services: Services, *, runner: str, older_than_seconds: float = OPEN_FOR_SECONDS
) -> Sequence[Finding]:
    """Run the steps that nobody runs in this process. Lasts as long as they do."""
    found = open_steps(services, older_than_seconds=older_than_seconds)

    def go_on(each: ToFollow) -> Finding:
        run_steps(services, each.due.execution_id, runner=runner)
        return Finding(str(each.due.execution_id), text("reconcile.steps_run", steps=each.names), each.age_seconds)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="countersign-steps") as pool:
        return list(pool.map(lambda one: _guarded(str(one.due.execution_id), one, go_on), found))


def bury_dead_steps(services: Services) -> Sequence[Finding]:
    """End steps whose runners died at every attempt, and keep them as dead letters."""
    settings = services.settings
    with transaction(services.engine) as session:
        buried = bury_exhausted(session, error="runner_lost: whoever ran it died at every attempt", limit=BATCH)
        for step_id in buried:
            bury(
                session,
                step_id,
                payload=_payload(session, step_id),
                pause_seconds=settings.replay_seconds,
                replays=settings.replay_limit,
            )
    return [Finding(str(step_id), text("reconcile.buried")) for step_id in buried]


def settle_abandoned_rollbacks(services: Services, *, worker: str) -> Sequence[Finding]:
    """Bring rollbacks to their end that were begun and whose step has ended. The target is asked, nothing is sent."""
    with transaction(services.engine) as session:
        quiet = quiet_seconds(services.settings)
        found = abandoned_rollbacks(session, quiet_seconds=quiet, limit=ROLLBACKS)

    def settle(each: AbandonedRollback) -> Finding:
        outcome = settle_abandoned_rollback(services, each, worker=worker)
        age = (datetime.now(UTC) - each.lease_until).total_seconds()
        if outcome is None:
            return Finding(str(each.approval_id), text("reconcile.taken_by_another"), age)
        said = text("reconcile.rollback_settled", worker=each.worker, outcome=text(f"outcome.{outcome}"))
        return Finding(str(each.approval_id), said, age)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="countersign-rollbacks") as pool:
        return list(pool.map(lambda one: _guarded(str(one.approval_id), one, settle), found))


def replay_letters_due(services: Services) -> Sequence[Finding]:
    """Let dead steps whose time has come begin once more."""
    with transaction(services.engine) as session:
        replayed = replay_due(session, limit=BATCH)
    return [
        Finding(str(execution_id), text("reconcile.replayed", step=text(f"step_name.{name}")))
        for execution_id, name in replayed
    ]


def finalise_repairs(services: Services) -> Sequence[Finding]:
    """Finalise what was approved by itself, now that its incident is known and its steps have ended."""
    with transaction(services.engine) as session:
        due = repairs_due(session, limit=BATCH)
    found = [_guarded(str(approval_id), approval_id, lambda one: _finalised(services, one)) for approval_id in due]
    return [finding for finding in found if finding is not None]


def resolve_stuck_incidents(services: Services) -> Sequence[Finding]:
    """Resolve incidents that are open although the last execution for them has ended well."""
    with transaction(services.engine) as session:
        stuck = stuck_incidents(session, limit=BATCH)
    return [_guarded(one.incident_id, one, lambda each: _resolved(services, each)) for one in stuck]


def _finalised(services: Services, approval_id: UUID) -> Finding | None:
    done = finalise(services, approval_id, run=False)
    if done.result is not Finalising.FINALISED:
        return None
    return Finding(str(approval_id), done.summary)


def _resolved(services: Services, stuck: Stuck) -> Finding:
    with transaction(services.engine) as session:
        execution = get_execution(session, stuck.execution_id)
        assert execution.outcome is not None
        approval = get_approval(session, execution.approval_id)
        told = settle_incident(session, stuck.incident_id, approval, execution.outcome, execution.settled_at)
    age = (datetime.now(UTC) - stuck.since).total_seconds()
    return Finding(stuck.incident_id, str(told["summary"]), age)


def _payload(session: Session, step_id: UUID) -> dict[str, object]:
    execution = get_execution(session, session.get_one(LedgerStep, step_id).execution_id)
    return payload_of(get_approval(session, execution.approval_id), execution)


def _guarded(subject: str, given: T, function: Callable[[T], F]) -> F | Finding:
    try:
        return function(given)
    except Exception as error:
        # The boundary of one finding: the others are dealt with, and this one is found again.
        reason = error.message if isinstance(error, CountersignError) else type(error).__name__
        logger.warning("not reconciled", subject=subject, error=reason, exc_info=True)
        return Finding(subject, text("reconcile.not_done", reason=reason), failed=True)
