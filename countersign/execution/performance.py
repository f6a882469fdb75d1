"""Sending a plan's steps so that each takes effect at most once.

Before a request leaves, the intent is on record; after it, the answer. A run that finds an intent without an
answer asks the target before it sends anything. One attempt never sends the same step twice.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from types import MappingProxyType
from typing import assert_never
from uuid import UUID

from sqlalchemy import Engine

from countersign.errors import (
    AmbiguousTargetError,
    CountersignError,
    GateRefused,
    HeldUp,
    NoIntent,
    NotSent,
    OutcomeUnknown,
    PermanentTargetError,
    PlanOutdated,
    PreconditionFailed,
    Stopped,
    TargetNotFound,
    TransientTargetError,
)
from countersign.execution.plan_seal import Seal, SealedJournal
from countersign.execution.progress import Progress, StepResult, progress_through
from countersign.logging import get_logger
from countersign.metrics.worker import ANSWERS, INTENTS
from countersign.records import journal
from countersign.records.database.engine import statements
from countersign.records.owned import Owned
from countersign.records.states import Answer
from countersign.settings import Settings
from countersign.targets.model import Inspection, Intent, Landed, Plan, Step, Target

logger = get_logger(__name__)
NO_DETAIL: Mapping[str, object] = MappingProxyType({})
HELD_UP_PAUSE_SECONDS = 0.2
TIMES_HELD_UP = 6
"""After so many requests in a row that were kept back the action is put off; pauses double meanwhile."""
# The time in which the machine is suspended counts, too: leases run out meanwhile.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _clock() -> float:
    return time.clock_gettime(_CLOCK)


def progress_of(engine: Engine, seal: Seal, execution_id: UUID, plan: Plan) -> Progress:
    """Read from the journal how far `plan` got. Raises Tampered where the journal is not as it was written."""
    with statements(engine) as session:
        entries = journal.entries(session, execution_id)
    seal.head(execution_id, entries)
    return progress_through(plan, journal.progress(entries))


def lease_needed(settings: Settings) -> float:
    """Return how long the lease has to last for a request: its time limit, or what a short lease has to spare."""
    return min(settings.request_timeout_seconds, 0.4 * settings.lease_seconds)


def patience(settings: Settings, attempt: int) -> float:
    """Return for how long a request without an answer may still take effect before its absence is believed.

    After the last attempt nobody looks again, so it is as long as the target may work on a request at all.
    """
    if attempt > settings.retry_attempts:
        return max(settings.late_effect_seconds, settings.request_timeout_seconds)
    return settings.late_effect_seconds


def _nothing_against() -> None:
    """Let every request be sent."""


@dataclass(frozen=True, kw_only=True)
class Performance:
    """One attempt at a plan."""

    journal: SealedJournal
    owned: Owned
    plan: Plan
    target: Target
    attempt: int
    """Counts from 1; goes on record with each intent."""
    lease_needed_seconds: float
    """A request is sent only if the lease outlasts it, so that nobody can have taken over when it arrives; and only
    soon after the lease was looked at (a quarter of this, which the lease lasts besides). 0 asks for nothing."""
    late_effect_seconds: float
    """After a lost reply, how long the request may still take effect: the target is asked again after it."""
    stop: Event
    """Looked at before every request."""
    may_send: Callable[[], None] = _nothing_against
    """Asked before every request that changes something; raises a refusal. The intent itself asks the records' switch
    and the expiry."""
    at: Callable[[str], None]
    """Told the named points that are passed: intent:KEY, sent:KEY, answered:KEY."""
    _held_up: list[int] = field(default_factory=lambda: [0])
    """How many requests in a row were kept back."""

    def perform(self) -> Progress:
        """Send every step that has not landed, in order, and return the progress.

        Raises TransientTargetError where another attempt may succeed, PlanOutdated where a plan made anew may,
        OutcomeUnknown where nobody can tell whether a step landed, PermanentTargetError, KillSwitchOn,
        ApprovalExpired, StaleFence, or Stopped.
        """
        for step in self.plan.steps:
            self._perform_step(step)
        return self._progress()

    def find_out(self) -> Progress:
        """Ask the target about every request without an answer, send nothing, and return the progress.

        Raises OutcomeUnknown where nobody can tell whether a step landed, TransientTargetError, StaleFence.
        """
        for step in self.plan.steps:
            if self._progress().results[step.key] is StepResult.OPEN:
                self._landed(step, patience=self.late_effect_seconds)
        return self._progress()

    def _perform_step(self, step: Step) -> None:
        known = self._progress()
        match known.results[step.key]:
            case StepResult.LANDED:
                return
            case StepResult.OPEN:
                if self._landed(step):
                    return
            case StepResult.NOT_SENT | StepResult.NOT_LANDED:
                pass
            case result:
                assert_never(result)
        while True:
            wait = self._attempt(step, sent_before=known.attempts[step.key] > 0)
            if wait is None:
                return
            if self.stop.wait(wait):
                raise Stopped

    def _attempt(self, step: Step, *, sent_before: bool) -> float | None:
        """Send `step`; return after how many seconds to ask again where it was not sent or not yet done, else None.

        A plan with a deadline (a drain, whose evictions wait for a PodDisruptionBudget) asks until then. Each time is
        an attempt of its own on record, so the kill switch and the lease are looked at each time.
        """
        if self.stop.is_set():
            raise Stopped
        if step.changes:
            self.may_send()
        soon = self.lease_needed_seconds / 4
        asked_at = _clock()
        entry = self.journal.intend(
            step=step.key,
            attempt=self.attempt,
            payload=step.request,
            lease_needed_seconds=self.lease_needed_seconds + soon,
            expires=step.changes,
        )
        INTENTS.count()
        self.at(f"intent:{step.key}")
        if soon and _clock() - asked_at > soon:
            # Held up (a paused process): the lease may be over, and whoever took over may have settled. It is asked
            # for again; the answer is refused, as StaleFence, where the execution is not ours any more.
            self._record(step, Answer.NOT_SENT, "the process was held up for too long")
            return self._pause_of_one_held_up()
        self._held_up[0] = 0
        try:
            intent = Intent.of(step, execution_id=self.owned.execution_id, entry=entry)
            self._send(step, intent, sent_before=sent_before)
        except TransientTargetError as error:
            if error.retry_after is None or self.plan.deadline is None:
                raise
            if datetime.now(UTC) + timedelta(seconds=error.retry_after) >= self.plan.deadline:
                raise PermanentTargetError(
                    f"{error.message}; it did not become possible before the deadline",
                    hint="look at what keeps the target from accepting it, or give the action more time",
                ) from error
            return error.retry_after
        self.at(f"answered:{step.key}")
        return None

    def _pause_of_one_held_up(self) -> float:
        """Return how long to wait before the next try. Raises HeldUp where there have been enough."""
        self._held_up[0] += 1
        if self._held_up[0] >= TIMES_HELD_UP:
            raise HeldUp
        return float(HELD_UP_PAUSE_SECONDS * 2 ** (self._held_up[0] - 1))

    def _send(self, step: Step, intent: Intent, *, sent_before: bool) -> None:
        try:
            receipt = self.target.apply(self.plan, step, intent)
        except (NotSent, GateRefused, NoIntent, Stopped) as error:
            self.at(f"sent:{step.key}")
            self._record(step, Answer.NOT_SENT, error.message)
            raise
        except AmbiguousTargetError as error:
            self.at(f"sent:{step.key}")
            logger.warning("no answer to a request", step=step.key, error=error.message)
            if not self._landed(step, patience=self.late_effect_seconds):
                raise TransientTargetError(f"{error.message}; the target shows that it had no effect") from error
        except CountersignError as error:
            self.at(f"sent:{step.key}")
            self._refused(step, error, sent_before=sent_before)
        else:
            self.at(f"sent:{step.key}")
            self._record(step, Answer.LANDED, "accepted", receipt.detail)

    def _refused(self, step: Step, error: CountersignError, *, sent_before: bool) -> None:
        """Raise `error`, unless the target shows that the step had its effect all the same.

        What refuses a request may be the effect of an earlier one that the target did not show yet, or of the same
        one, where a proxy repeats requests and passes on the answer to the second.
        """
        said = Answer.RETRY if isinstance(error, TransientTargetError) else Answer.REFUSED
        if self.target.refusals_are_final and not sent_before:
            self._record(step, Answer.NOT_SENT if isinstance(error, PlanOutdated) else said, error.message)
            raise error
        if self._landed(step, otherwise=(said, error.message)):
            return
        if isinstance(error, PreconditionFailed):
            raise PermanentTargetError(error.message, hint=error.hint) from error
        raise error

    def _landed(self, step: Step, *, patience: float = 0, otherwise: tuple[Answer, str] | None = None) -> bool:
        """Ask the target whether `step` took effect, and put the answer on record. Raises OutcomeUnknown.

        A no is asked again after `patience` seconds, and goes on record as `otherwise` says, where that is given.
        """
        inspection = self._inspect(step)
        if inspection.landed is Landed.NO and patience:
            time.sleep(patience)
            inspection = self._inspect(step)
        match inspection.landed:
            case Landed.YES:
                answer, reason = Answer.LANDED, inspection.reason
            case Landed.NO:
                answer, reason = otherwise or (Answer.NOT_LANDED, inspection.reason)
            case Landed.UNCLEAR:
                answer, reason = Answer.UNCLEAR, inspection.reason
            case other:
                assert_never(other)
        self._record(step, answer, reason, {"seen": dict(inspection.seen)})
        if inspection.landed is Landed.UNCLEAR:
            raise OutcomeUnknown(f"{step.title}: {inspection.reason}")
        return inspection.landed is Landed.YES

    def _inspect(self, step: Step) -> Inspection:
        """Ask the target. It not answering says nothing about the step, so it is asked again at the next attempt,
        over a connection that has read its credentials again.
        """
        try:
            return self.target.inspect(self.plan, step)
        except (PermanentTargetError, PreconditionFailed, TargetNotFound) as error:
            raise TransientTargetError(f"{step.title}: the target cannot be asked: {error.message}") from error

    def _record(self, step: Step, answer: Answer, reason: str, detail: Mapping[str, object] = NO_DETAIL) -> None:
        """Put the answer on record. A `detail` with a reason of its own knows better."""
        self.journal.answer(step=step.key, attempt=self.attempt, answer=answer, detail={"reason": reason, **detail})
        ANSWERS.count(answer=answer.value)

    def _progress(self) -> Progress:
        return progress_through(self.plan, journal.progress(self.journal.read()))
