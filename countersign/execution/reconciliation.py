"""What reconciliation finds and does: one function per kind of finding, each bounded and safe to run many times.

Nothing here decides anew what happened. An abandoned execution goes through the same phases as any other, as the
run that takes it over; everything else is one statement of the records.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.errors import CountersignError, Stopped
from countersign.execution.direct_run import execute
from countersign.execution.next_steps import steps_after
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.records.approvals import cancel_approval, expire_due, get_approval
from countersign.records.claims import ClaimResult, claim, take_over_dry_run
from countersign.records.control import kill_switch
from countersign.records.database.engine import statements, transaction
from countersign.records.findings import Finding
from countersign.records.operation_log import close_settled
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.queries import EVER, Abandoned, Waiting, abandoned, execution_of, waiting
from countersign.records.settlement import settle
from countersign.records.states import ApprovalStatus
from countersign.texts import text

T = TypeVar("T")
logger = get_logger(__name__)
BATCH = 100
"""Findings of one kind that one round takes on; the rest is there for the next."""
LOOKED_AT = 1000
"""Of how many a round takes its batch, where some may be there again in the next one."""
AT_ONCE = 8
"""Abandoned executions that are settled at the same time."""
STARTED_WITHIN_SECONDS = 60.0
"""An approval that nobody has started for this long is started."""
LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True)
class ToStart:
    """An approval for which a run is to be started."""

    approval_id: UUID
    age_seconds: float
    key: str
    """The same until the next try is due, so that however many rounds start it, one run comes of it."""
    worker: str = ""
    """Who is silent, where somebody had begun."""


def round_of(age_seconds: float, *, first: float = STARTED_WITHIN_SECONDS) -> int:
    """Return how many tries are due for something that waits since `age_seconds`.

    Tries double their distance from `first` on, up to an hour: a run that cannot begin (its worker has no cluster
    to talk to) does not come back every half minute for days. Pure.
    """
    tries, due, pause = 0, first, first
    while due <= age_seconds:
        if pause >= LONGEST_PAUSE_SECONDS:
            return tries + 1 + int((age_seconds - due) // LONGEST_PAUSE_SECONDS)
        tries, due, pause = tries + 1, due + pause, min(pause * 2, LONGEST_PAUSE_SECONDS)
    return tries


def fair_share(found: Sequence[T]) -> Sequence[T]:
    """Return a batch of `found`, any part of it: what cannot be dealt with must not keep the rest from its turn."""
    return found if len(found) <= BATCH else random.sample(found, BATCH)


def kept_alive(services: Services, approval_ids: Iterable[UUID]) -> frozenset[str]:
    """Return the flow runs that perform one of these approvals and renew their lease."""
    with statements(services.engine) as session:
        found = [execution_of(session, approval_id) for approval_id in set(approval_ids)]
    now = datetime.now(UTC)
    return frozenset(
        each.flow_run_id
        for each in found
        if each is not None and each.flow_run_id and each.settled_at is None and each.lease_until > now
    )


def unstarted(services: Services) -> Sequence[Waiting]:
    """Return approvals that nobody has claimed, however short they have been approved, whoever is to start them."""
    with transaction(services.engine) as session:
        return waiting(session, older_than_seconds=0, limit=LOOKED_AT, by_hand=True)


def approvals_to_start(services: Services, *, older_than_seconds: float = STARTED_WITHIN_SECONDS) -> list[ToStart]:
    """Return approvals that were never started and are due. None while the kill switch is on.

    Then nothing may be claimed.
    """
    return due_to_start(services.engine, older_than_seconds=older_than_seconds)


def just_due(engine: Engine) -> list[ToStart]:
    """Return what is due since a moment. What its first run did not claim is left to `approvals_to_start`: before
    that is tried again it is looked whether a person cancelled that run.
    """
    return due_to_start(engine, older_than_seconds=0, younger_than_seconds=STARTED_WITHIN_SECONDS)


def due_to_start(engine: Engine, *, older_than_seconds: float, younger_than_seconds: float = EVER) -> list[ToStart]:
    """Return approvals that are due for so long and no longer. None while the kill switch is on."""
    with statements(engine) as session:
        if kill_switch(session).is_on:
            return []
        found = waiting(
            session,
            older_than_seconds=older_than_seconds,
            younger_than_seconds=younger_than_seconds,
            limit=LOOKED_AT,
        )
    now = datetime.now(UTC)
    return [
        ToStart(each.approval_id, age, f"start:{each.approval_id}:{each.since.timestamp()}:{round_of(age)}")
        for each in fair_share(found)
        for age in [(now - each.since).total_seconds()]
    ]


def withdraw(services: Services, approval_id: UUID, *, worker: str, flow_run_id: str, message: str) -> bool:
    """Cancel an approval whose run a person cancelled while nobody had claimed it; False if it is claimed meanwhile.

    Claimed and settled in one transaction: nobody can take over and perform what was cancelled, and the report, the
    timeline and the operation log tell it as of any other execution.
    """
    with transaction(services.engine) as session:
        if get_approval(session, approval_id).status is not ApprovalStatus.APPROVED:
            return False
        lease = services.settings.lease_seconds
        won = claim(session, approval_id, worker=worker, flow_run_id=flow_run_id, lease_seconds=lease)
        if won.switched_off:
            # Nothing may be claimed, and nothing is: it is withdrawn as it stands.
            cancel_approval(session, approval_id, by="countersign", role="system", reason=message)
            return True
        if won.result is not ClaimResult.CLAIMED or won.owned is None:
            return False
        _settle_as_cancelled(session, won.owned, approval_id, message)
    return True


def to_take_over(services: Services) -> list[ToStart]:
    """Return executions whose owner is silent. A run of such an approval takes it over and goes on to its outcome.

    What may have been sent is looked for on the target first: it landed, it did not and is sent, or nobody can tell.
    """
    with transaction(services.engine) as session:
        found = [each for each in abandoned(session, limit=LOOKED_AT) if not each.dry_run]
    return [
        ToStart(
            each.approval_id,
            age,
            # Whoever takes over raises the fence, and has a try of its own should it die too.
            f"take-over:{each.execution_id}:{each.fence}:{round_of(age)}",
            each.worker,
        )
        for each in fair_share(found)
        for age in [_silent_for(each)]
    ]


def settle_abandoned(services: Services, *, worker: str, flow_run_id: str | None = None) -> list[Finding]:
    """Take over every execution whose owner is silent in this process, dry runs too, and go on to its outcome.

    Lasts as long as the actions do.
    """

    def take_over(found: Abandoned) -> str:
        if found.dry_run:
            return _end_dry_run(services, found, worker=worker)
        report = execute(Run(services, found.approval_id, worker=worker, flow_run_id=flow_run_id))
        return text("reconcile.settled", worker=found.worker, outcome=text(f"outcome.{report.outcome}"))

    with transaction(services.engine) as session:
        found = abandoned(session, limit=BATCH)
    if not found:
        return []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="countersign-reconcile") as pool:
        return list(pool.map(lambda each: _guarded(each, take_over), found))


def end_dry_runs(services: Services, *, worker: str) -> list[Finding]:
    """Settle dry runs whose owner is silent as cancelled."""
    with transaction(services.engine) as session:
        found = [each for each in abandoned(session, limit=LOOKED_AT) if each.dry_run][:BATCH]
    return [_guarded(each, lambda one: _end_dry_run(services, one, worker=worker)) for each in found]


def _guarded(found: Abandoned, settle_it: Callable[[Abandoned], str]) -> Finding:
    age = _silent_for(found)
    try:
        return Finding(str(found.approval_id), settle_it(found), age)
    except Exception as error:
        # The boundary of one finding: the others are settled, and this one is found again.
        reason = error.message if isinstance(error, CountersignError) else type(error).__name__
        logger.warning(
            "abandoned execution not settled", execution=str(found.execution_id), error=reason, exc_info=True
        )
        return Finding(str(found.approval_id), text("reconcile.not_settled", reason=reason), age, failed=True)


def _silent_for(found: Abandoned) -> float:
    return (datetime.now(UTC) - found.lease_until).total_seconds()


def _end_dry_run(services: Services, found: Abandoned, *, worker: str) -> str:
    """Settle a dry run that nobody will finish. It can have had no effect, so there is nothing to find out."""
    message = text("reconcile.dry_run_ended", worker=found.worker)
    with transaction(services.engine) as session:
        owned = take_over_dry_run(
            session, found.execution_id, worker=worker, lease_seconds=services.settings.lease_seconds
        )
        if owned is None:
            return text("reconcile.taken_by_another")
        _settle_as_cancelled(session, owned, found.approval_id, message, dry_run=True)
    return message


def _settle_as_cancelled(
    session: Session, owned: Owned, approval_id: UUID, message: str, *, dry_run: bool = False
) -> None:
    report = Report(
        approval_id=str(approval_id),
        action=masked(get_approval(session, approval_id).action),
        outcome=Outcome.CANCELLED.value,
        success=False,
        message=message,
        code=Stopped.code,
        dry_run=dry_run,
        execution_id=str(owned.execution_id),
    )
    settle(
        session,
        owned,
        outcome=Outcome.CANCELLED,
        error=message,
        report=report.model_dump(mode="json"),
        steps=steps_after(dry_run=dry_run),
    )


def expire_overdue(services: Services) -> list[Finding]:
    """Expire approvals that nobody started in time."""
    with transaction(services.engine) as session:
        expired = expire_due(session, limit=BATCH)
    return _each(expired, text("reconcile.expired_now"))


def close_logs(services: Services) -> list[Finding]:
    """Close operation log rows whose execution has its outcome."""
    with transaction(services.engine) as session:
        closed = close_settled(session, limit=BATCH)
    return _each(closed, text("reconcile.log_closed"))


def _each(subjects: Iterable[UUID], done: str) -> list[Finding]:
    return [Finding(str(subject), done) for subject in subjects]
