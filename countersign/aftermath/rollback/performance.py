"""Performing a rollback that is on record: its journal, its fence and its lease are those of any execution."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from countersign.actions import describe, read_action
from countersign.aftermath.rollback.decision import Decided, decide, opened
from countersign.aftermath.rollback.refusal import not_made
from countersign.aftermath.subject import Subject
from countersign.errors import (
    ConfigurationError,
    CountersignError,
    DatabaseUnavailable,
    InternalError,
    StaleFence,
    Stopped,
    TookTooLong,
    TransientTargetError,
)
from countersign.execution import checks
from countersign.execution.conclusion import conclude
from countersign.execution.performance import Performance, lease_needed, progress_of
from countersign.execution.plan_seal import SealedJournal, stored_plan
from countersign.execution.run_state import Known
from countersign.execution.settlement import put_on_record
from countersign.execution.target_access import require_known
from countersign.logging import get_logger
from countersign.policy.checks import enforce
from countersign.records.claims import extend_lease
from countersign.records.database.engine import transaction
from countersign.records.ledger import require_step
from countersign.records.owned import Owned
from countersign.targets.classify import is_transient
from countersign.targets.model import Plan, Target

logger = get_logger(__name__)
MARGIN_SECONDS = 15.0
"""What of the step's time is left for the record."""


def finish(subject: Subject, owned: Owned, *, taken_over: bool, at: Callable[[str], None]) -> None:
    """Send what of the rollback has not landed, and put its outcome on record.

    What was `taken_over` and had no effect so far is decided anew first. Raises StaleFence, Stopped,
    DatabaseUnavailable, ConfigurationError, TransientTargetError: nothing is settled, and it goes on later.
    """
    plan = stored_plan(subject.engine, subject.seal, owned.execution_id)
    assert plan is not None, "a rollback is made with its plan"
    require_known(subject.services, plan)
    reading = read_action(subject.approval.action)
    known = Known(subject.approval, owned, reading=reading, description=describe(reading), plan=plan)
    # The worker's own stop, and the loss of the lease: either keeps the next request from being sent.
    lost = Event()
    with _lease(subject, owned, lost):
        attempts = _Attempts(subject, known, plan, lost, at)
        error = (attempts.reason_to_end() if taken_over else None) or attempts.perform()
        progress = progress_of(subject.engine, subject.seal, owned.execution_id, plan)
        conclusion = conclude(error, known, progress, dry_run=False, may_wait=False)
        put_on_record(subject.engine, known, conclusion, progress, rolls_back=subject.execution_id)
    at("settled")


@dataclass(frozen=True)
class _Attempts:
    """What one owner of the rollback does about its plan."""

    subject: Subject
    known: Known
    plan: Plan
    lost: Event
    at: Callable[[str], None]

    def reason_to_end(self) -> CountersignError | None:
        """Return why a rollback that another runner began is not gone on with, None where it is.

        That runner may have died long ago: the policy, the switch and the object may be others since. Once something
        has landed nothing is asked any more, since half a rollback is none.
        """
        progress = progress_of(self.subject.engine, self.subject.seal, self.known.owned.execution_id, self.plan)
        try:
            if progress.uncertain:
                with opened(self.subject, self.known.owned, self.plan) as target:
                    progress = self._performance(target, attempt=1, last=True).find_out()
        except (StaleFence, Stopped, ConfigurationError, TransientTargetError):
            raise
        except CountersignError as error:
            return error
        if progress.landed:
            return None
        decided = decide(self.subject)
        return None if isinstance(decided, Decided) else not_made(decided)

    def perform(self) -> CountersignError | None:
        """Try until it went through or makes no sense any more; return the error that ended it."""
        settings = self.subject.services.settings
        for attempt in range(1, settings.retry_attempts + 2):
            last = attempt > settings.retry_attempts or not _time_for_another(self.subject)
            self.known.attempts = attempt
            try:
                with opened(self.subject, self.known.owned, self.plan) as target:
                    self._performance(target, attempt=attempt, last=last).perform()
            except (StaleFence, Stopped, DatabaseUnavailable):
                raise
            except CountersignError as error:
                if last or not is_transient(error):
                    return error
                execution = str(self.known.owned.execution_id)
                logger.warning("a rollback is tried again", execution=execution, error=error.message)
                if self.subject.stop.wait(settings.retry_delay_seconds):
                    raise Stopped from error
            else:
                return None
        return InternalError("The rollback ran out of attempts.")

    def _performance(self, target: Target, *, attempt: int, last: bool) -> Performance:
        settings = self.subject.services.settings
        patience = max(settings.late_effect_seconds, settings.request_timeout_seconds)
        return Performance(
            journal=SealedJournal(self.subject.engine, self.subject.seal, self.known.owned),
            owned=self.known.owned,
            plan=self.plan,
            target=target,
            attempt=attempt,
            lease_needed_seconds=lease_needed(settings),
            late_effect_seconds=patience if last else settings.late_effect_seconds,
            stop=self.lost,
            may_send=lambda: _may_send(self.subject),
            at=self.at,
        )


def _may_send(subject: Subject) -> None:
    """Raise KillSwitchOn, from a reading of this moment, Stopped, or StaleFence: the step is somebody else's."""
    if subject.stop.is_set():
        raise Stopped
    with transaction(subject.engine) as session:
        require_step(session, subject.step)
    enforce([checks.kill_switch_check(subject.services)])


def _time_for_another(subject: Subject) -> bool:
    """Tell whether another attempt fits behind the one that begins now. After the last one nobody looks again, so it
    waits for as long as the target may work on a request.
    """
    settings = subject.services.settings
    attempts = 2 * 3 * settings.request_timeout_seconds
    needed = attempts + settings.retry_delay_seconds + MARGIN_SECONDS
    try:
        return subject.seconds_left() > needed
    except TookTooLong:
        return False


@contextmanager
def _lease(subject: Subject, owned: Owned, lost: Event) -> Iterator[None]:
    """Keep the rollback's lease alive meanwhile; `lost` is set once somebody else has it."""
    ended = Event()
    seconds = subject.services.settings.lease_seconds

    def beat() -> None:
        while not ended.wait(seconds / 3):
            try:
                with transaction(subject.engine) as session:
                    extend_lease(session, owned, seconds)
            except StaleFence:
                lost.set()
                return
            except DatabaseUnavailable:
                continue

    heart = Thread(target=beat, name="rollback-lease", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
