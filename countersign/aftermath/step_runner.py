"""Run steps of the ledger: the one function that the flow, the command line and reconciliation use.

A runner may be killed at any line. While it lives its lease is renewed and holds others off; afterwards the step is
taken again. What a step writes to the records is committed with its end; what it sends elsewhere has its own key.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import TypeVar, assert_never
from uuid import UUID

from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from countersign.aftermath.incidents.incident_of import incident_id_of
from countersign.aftermath.step_catalogue import STEPS
from countersign.aftermath.step_lease import AGAIN_SECONDS, Keeper, lease_seconds
from countersign.aftermath.subject import Done, Skipped, StepEnd, StepFunction, Subject, subject_of
from countersign.errors import (
    CountersignError,
    DatabaseUnavailable,
    InternalError,
    RowLocked,
    StaleFence,
    TookTooLong,
)
from countersign.execution.fault_points import At, unnoticed
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.metrics.worker import LEASES_LOST, STEP_SECONDS, STEPS_ENDED
from countersign.records import refusals
from countersign.records.database.engine import statements, transaction
from countersign.records.dead_letters import bury
from countersign.records.ledger import TakenStep, end_step, fail_step, steps_ready, take_step
from countersign.records.rollbacks import rollback_of
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import Approval, Execution, LedgerStep

T = TypeVar("T")
logger = get_logger(__name__)
AT_ONCE = 6
POINTS = ("taken", "done", "recorded")
"""What `run_step` passes, each after the step's name: the step is ours, has done its work, has its end on record."""


def _of_no_interest(_row: LedgerStep) -> None:
    """Let it go."""


def run_step(
    services: Services,
    execution_id: UUID,
    name: StepName,
    *,
    runner: str,
    stop: Event | None = None,
    at: At = unnoticed,
    ended: Callable[[LedgerStep], None] = _of_no_interest,
) -> StepStatus | None:
    """Run one step of an execution if it may begin; return where it stands then, None if it may not.

    A step that fails is on record as tried again later or as dead; nothing is raised for it. `at` is told the named
    points that are passed, `ended` the row of a step that has ended well. Raises DatabaseUnavailable.
    """
    limit, lease = STEPS[name].limit_seconds(services.settings), lease_seconds(services.settings)
    asked = monotonic()
    with statements(services.engine) as session:
        step = take_step(session, execution_id, name, runner=runner, lease_seconds=lease)
    if step is None:
        return None
    at(f"{name} taken")
    subject = None
    try:
        subject = subject_of(services, step, deadline=monotonic() + limit, stop=stop or Event())
        end = _within(limit, STEPS[name].run, subject, Keeper(services.engine, step, lease, since=asked))
        at(f"{name} done")
        row = _patiently(lease, partial(_end, subject, end), subject.stop)
        at(f"{name} recorded")
        STEP_SECONDS.took(monotonic() - asked, step=name)
    except StaleFence as error:
        LEASES_LOST.count(of="step")
        logger.warning(
            "step was taken by another runner", step=name, execution_id=str(execution_id), reason=str(error)
        )
        return None
    except CountersignError as error:
        return _fail(services, step, subject, error)
    except Exception as error:
        # The boundary: whatever goes wrong in a step, the ledger says so and the other steps go on.
        logger.exception("unexpected error in a step", step=name, execution_id=str(execution_id))
        return _fail(services, step, subject, InternalError(f"{type(error).__name__} stopped the step unexpectedly."))
    ended(row)
    return row.status


def run_steps(
    services: Services, execution_id: UUID, *, runner: str, stop: Event | None = None, at: At = unnoticed
) -> None:
    """Run every step of an execution that can be run now, those that do not wait for each other side by side.

    Those of a rollback that came of it follow.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="steps") as pool:
        while True:
            with statements(services.engine) as session:
                ready = steps_ready(session, execution_id)
            if not ready or (stop is not None and stop.is_set()):
                break
            run = partial(run_step, services, execution_id, runner=runner, stop=stop, at=at)
            runs = [pool.submit(run, name) for name in ready]
            for one in runs:
                one.result()
    with statements(services.engine) as session:
        rollback = rollback_of(session, execution_id)
    if rollback is not None and not (stop is not None and stop.is_set()):
        run_steps(services, rollback.id, runner=runner, stop=stop, at=at)


def _within(limit: float, function: StepFunction, subject: Subject, keeper: Keeper) -> StepEnd:
    """Call `function` in a thread of its own, keep the step meanwhile and wait no longer than `limit` seconds.

    A thread cannot be ended; one that goes on finds its fence refused. Raises TookTooLong, StaleFence.
    """
    ends: list[StepEnd] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            ends.append(function(subject))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            errors.append(error)

    keeper.keep()
    give_up = monotonic() + limit
    thread = Thread(target=call, name=f"step-{subject.step.name}", daemon=True)
    thread.start()
    while True:
        thread.join(max(0.0, min(keeper.seconds(), give_up - monotonic())))
        if not thread.is_alive() or monotonic() >= give_up:
            break
        keeper.keep()
    if errors:
        raise errors[0]
    if not ends:
        raise TookTooLong(f"step {subject.step.name} did not end within {limit:g} s")
    return ends[0]


def _end(subject: Subject, end: StepEnd) -> LedgerStep:
    """Put the end on record together with what the step writes. Raises StaleFence, DatabaseUnavailable."""
    match end:
        case Skipped(reason=reason):
            with statements(subject.engine) as session:
                row = end_step(session, subject.step, skipped=reason)
        case Done(result=result, write=write):
            if write is None:
                with statements(subject.engine) as session:
                    row = end_step(session, subject.step, result=result)
            else:
                with transaction(subject.engine) as session:
                    session.execute(sql("SELECT set_config('lock_timeout', '5s', true)"))
                    row = end_step(session, subject.step, result={**result, **(write(session) or {})})
        case _:
            assert_never(end)
    STEPS_ENDED.count(step=subject.step.name, result=row.status)
    return row


def _fail(services: Services, step: TakenStep, subject: Subject | None, error: CountersignError) -> StepStatus | None:
    """Put the failed attempt on record. Returns None where even that was not possible: the lease will run out."""
    settings = services.settings
    logger.warning("step failed", step=step.name, execution_id=str(step.execution_id), error=error.message)

    def put_on_record() -> StepStatus:
        with transaction(services.engine) as session:
            pause = settings.step_retry_seconds * 2.0 ** (step.attempt - 1)
            status = fail_step(session, step, error=f"{error.code}: {error.message}", pause_seconds=pause)
            approval_id = None if subject is None else subject.approval.id
            refusals.note(session, error, approval_id=approval_id, details={"step": step.name})
            if status is StepStatus.DEAD:
                bury(
                    session,
                    step.id,
                    payload=payload_of(subject.approval, subject.execution) if subject is not None else {},
                    pause_seconds=settings.replay_seconds,
                    replays=settings.replay_limit,
                )
        STEPS_ENDED.count(step=step.name, result=status)
        return status

    try:
        return _patiently(lease_seconds(settings), put_on_record, subject.stop if subject is not None else Event())
    except (StaleFence, DatabaseUnavailable, DBAPIError) as later:
        logger.warning("the failed step is not on record", step=step.name, error=type(later).__name__)
        return None


def _patiently(seconds: float, put_on_record: Callable[[], T], stop: Event) -> T:
    """Put an end on record, asking again while the database is away, for `seconds`: as long as the lease may last.

    Otherwise an outage of seconds would have the step done again, once its lease is over. Raises DatabaseUnavailable.
    """
    give_up = monotonic() + seconds
    while True:
        try:
            return put_on_record()
        except RowLocked:
            raise
        except DatabaseUnavailable:
            if monotonic() >= give_up or stop.wait(AGAIN_SECONDS):
                raise


def payload_of(approval: Approval, execution: Execution) -> dict[str, object]:
    """Return what a dead letter says about what its step was to work on."""
    return {
        "approval_id": str(approval.id),
        "action": masked(approval.action),
        "outcome": execution.outcome.value if execution.outcome else None,
        "incident_id": incident_id_of(approval),
    }
