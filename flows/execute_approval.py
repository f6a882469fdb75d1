"""Execute one approved action, once, and report the truth about it.

Orchestration only: each task is one phase of countersign.execution.run, in a thread. That the effect happens at most
once is the database's doing; this flow may be triggered twice, retried, cancelled or killed at any line.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from time import monotonic
from typing import Any
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run, task_run
from prefect.states import Failed

from countersign.actions import describe, read_action
from countersign.actions.operation import KubernetesOperation, Verb
from countersign.errors import (
    CountersignError,
    DatabaseUnavailable,
    InternalError,
    InvalidInput,
    StaleFence,
    TransientTargetError,
)
from countersign.execution.follow_up import FollowUp
from countersign.execution.reconciliation import withdraw
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.metrics.run_phases import RunPhases
from countersign.metrics.worker import CLAIMS, LEASES_LOST, RETRIES
from countersign.records.tables import LedgerStep
from countersign.targets.classify import is_transient
from countersign.texts import text
from countersign.worker.turns import AnyTurn, in_turn, turn_of_run
from flows import cancelling
from flows.after_execution import after_execution, what_followed
from flows.answering import BY_APPROVAL
from flows.final_state import final_state, tags_of
from flows.narration import Narration
from flows.progress_page import progress_shown
from flows.showing import ReportPage
from flows.threads import beat, in_thread, in_thread_to_its_end
from flows.wiring import open_services, worker_name

logger = get_logger(__name__)
HOLD_POLL_SECONDS = 0.5
FOLLOW_POLL_SECONDS = 0.5
LONGEST_RETRY_AFTER_SECONDS = 300.0


@flow(name="execute-approval", flow_run_name="execute {approval_id}", persist_result=True, result_serializer="json")
@in_turn(BY_APPROVAL)
async def execute_approval(approval_id: str, dry_run: bool = False, wait: bool = False) -> Any:
    """Execute an approved action once, and put the truth about it on record.

    Args:
        approval_id: The approval to execute, for example 0193d1c2-8a4e-7c31-9f7e-2b8f5c1d0e42.
        dry_run: Go through every check and make the plan, but send nothing to the target.
        wait: Where another run performs it, wait for its result for up to COUNTERSIGN_FOLLOW_SECONDS.

    Returns the report (countersign.execution.report.Report). A run whose action did not succeed is a failed run and
    raises ExecutionFailed, which carries the report.
    """
    story = Narration(get_run_logger())
    run = story.run = Run(
        await open_services(),
        _identifier(approval_id),
        dry_run=dry_run,
        worker=worker_name(),
        flow_run_id=str(flow_run.id) if flow_run.id else None,
        at=RunPhases(story.at),
    )
    async with progress_shown(run.services, run.approval_id):
        return await _execute_unless_cancelled(run, story, wait=wait)


async def _execute_unless_cancelled(run: Run, story: Narration, *, wait: bool) -> Any:
    try:
        return await _execute_and_follow(run, story, wait=wait)
    except asyncio.CancelledError:
        await asyncio.shield(_cancelled_waiting(run))
        raise


async def _cancelled_waiting(run: Run) -> None:
    """Withdraw what a person cancelled after it was put off: it waits as approved, and would be tried again."""
    if run.dry_run or not hasattr(run, "known") or not await cancelling.asked_for_by_a_person():
        return
    message = text("message.cancelled_waiting", run=flow_run.name or run.flow_run_id or "")
    mine = {"worker": run.worker, "flow_run_id": run.flow_run_id or "", "message": message}
    await in_thread(withdraw, run.services, run.approval_id, **mine)


async def _execute_and_follow(run: Run, story: Narration, *, wait: bool) -> Any:
    try:
        report = await _execute(run, story, wait=wait)
    except CountersignError as error:
        # A sentence says why, and no trace of it. What was claimed is taken over; else nothing is used up.
        begun = hasattr(run, "known")
        return Failed(name=text("state.unfinished" if begun else "state.not_started"), message=error.told, data=error)
    turn_of_run().end()
    story.ended(report)
    followed: FollowUp | None = None
    if report.performed_by_this_run:
        if report.execution_id is not None and not report.dry_run:
            followed = await _follow(run, report, UUID(report.execution_id), story)
        else:
            await ReportPage(report).show()
    await story.name.tag(tags_of(report, followed))
    return final_state(report, followed)


async def _follow(run: Run, report: Report, execution_id: UUID, story: Narration) -> FollowUp | None:
    """Run what follows the execution; show it on its page, and return it where it can be read."""
    page = ReportPage(report)
    async with page.shown_meanwhile():
        await follow_up(run.services, execution_id, story.step_ended)
    try:
        followed = await in_thread(what_followed, run.services, execution_id)
    except CountersignError as error:
        logger.warning("what followed cannot be read", reason=error.message)
        followed = None
    await page.show(followed)
    return followed


@task(name="follow-up", cache_policy=NO_CACHE, persist_result=False)
async def follow_up(services: Services, execution_id: UUID, ended: Callable[[LedgerStep], None]) -> None:
    """Do what follows an outcome: notify, verify, take back, learn, resolve."""
    await after_execution(services, execution_id, ended=ended)


async def _execute(run: Run, story: Narration, *, wait: bool) -> Report:
    """Make the execution this run's, or follow whoever has it; go through its phases; settle it.

    A run that loses its lease on the way begins again: it then follows the new owner, or is the new owner.
    """
    await in_thread(run.ready)
    while True:
        try:
            report = await _claim(run, wait=wait)
        except asyncio.CancelledError:
            await asyncio.shield(_cancelled(run))
            raise
        if report is not None:
            story.name.tell(await in_thread(run.approval))
            return report
        try:
            async with _lease(run):
                return await _perform_and_record(run, story)
        except StaleFence as error:
            LEASES_LOST.count(of="execution")
            logger.warning("lost the execution", approval_id=str(run.approval_id), reason=error.message)
        run.begin_again()


async def _perform_and_record(run: Run, story: Narration) -> Report:
    try:
        # Whoever waited begins like anybody else, and keeps what is theirs until it is their turn.
        await turn_of_run().again()
        await in_thread(run.open_log)
        await _phases(run, story)
    except StaleFence:
        raise
    except asyncio.CancelledError:
        await asyncio.shield(_cancelled(run))
        raise
    except CountersignError as error:
        return await record(run, error)
    except Exception as error:
        # The boundary: whatever went wrong, the record says how the execution ended.
        logger.exception("unexpected error in a run", approval_id=str(run.approval_id))
        return await record(run, InternalError(f"{type(error).__name__} stopped the run unexpectedly."))
    return await record(run, None)


async def _cancelled(run: Run) -> None:
    """Settle what a person cancelled: left alone, it would be taken over and performed.

    A run that a leaving worker had to cancel is left for exactly that.
    """
    if await cancelling.asked_for_by_a_person():
        await in_thread(run.cancel)


async def _phases(run: Run, story: Narration) -> None:
    settings = run.services.settings
    story.name.tell(run.known.approval, _description(run.known.approval.action))
    await check(run)
    story.checked()
    planning, performing = _retrying(settings.retry_attempts, settings.retry_delay_seconds)
    await planning(run)
    if run.dry_run:
        return
    try:
        await performing(run)
    except CountersignError as error:
        if not await in_thread(run.plans_again, error):
            raise
        await planning(run)
        await performing(run)


def _description(action: str) -> Mapping[str, Any]:
    try:
        return describe(read_action(action))
    except CountersignError:
        return {}


@lru_cache(maxsize=4)
def _retrying(attempts: int, delay_seconds: float) -> tuple[Any, Any]:
    """Return how a plan is made and how it is performed, with so many further attempts."""
    retrying: Any = {"retries": attempts, "retry_delay_seconds": delay_seconds}
    return plan.with_options(**retrying), perform.with_options(**retrying)


async def _claim(run: Run, *, wait: bool) -> Report | None:
    """Make the execution this run's (None), or return what came of it or who is at it; `wait` for their result."""
    deadline = monotonic() + run.services.settings.follow_seconds
    while True:
        answer = await in_thread_to_its_end(run.stop, run.claim)
        if answer is None:
            CLAIMS.count(result="taken_over" if run.known.taken_over else "claimed")
        if answer is None or isinstance(answer, Report):
            return answer
        if not wait or monotonic() >= deadline:
            return run.still_running(answer, waited=wait)
        turn_of_run().leave()
        await asyncio.sleep(FOLLOW_POLL_SECONDS)


@task(cache_policy=NO_CACHE, persist_result=False)
async def check(run: Run) -> None:
    """Read the action's text. Approved and current, signed as it stands, allowed by the policy."""
    await in_thread(_read_and_check, run)


def _read_and_check(run: Run) -> None:
    run.read()
    run.check()


def _worth_another_attempt(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, BaseException) and is_transient(state.data)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=_worth_another_attempt)
async def plan(run: Run) -> None:
    """Resolve the target, take it for this execution alone, fix the plan, preflight it, store it."""
    async with _attempt(run) as turn:
        run.attempted(task_run.run_count or 1)
        resolution = await in_thread_to_its_end(run.stop, run.resolve)
        if resolution is None:
            return
        deadline = monotonic() + run.services.settings.target_wait_seconds
        while (holder := await in_thread(run.hold, resolution)) is not None:
            if monotonic() >= deadline:
                raise run.held(holder)
            turn.leave()
            await asyncio.sleep(HOLD_POLL_SECONDS)
        await turn.again()
        await in_thread_to_its_end(run.stop, run.plan, resolution)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=_worth_another_attempt)
async def perform(run: Run) -> None:
    """Send what has not landed, each request at most once an attempt. The journal knows what has: no cache does."""
    async with _attempt(run) as turn:
        if _mostly_waits(run):
            turn.leave()
        await in_thread_to_its_end(run.stop, run.perform, attempt=task_run.run_count or 1)


@task(cache_policy=NO_CACHE, persist_result=False)
async def record(run: Run, error: CountersignError | None) -> Report:
    """Put the outcome on record in one transaction."""
    return await in_thread_to_its_end(run.stop, run.settle, error)


@asynccontextmanager
async def _lease(run: Run) -> AsyncIterator[None]:
    """Keep the lease alive meanwhile; a run that has lost it sends nothing more."""
    stop = run.stop

    def extend() -> None:
        try:
            run.extend_lease()
        except StaleFence:
            stop.set()
            raise
        except DatabaseUnavailable as error:
            logger.warning("lease not extended", error=error.message)

    heart = asyncio.create_task(beat(extend, every=run.services.settings.lease_seconds / 3))
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)


def _mostly_waits(run: Run) -> bool:
    """Tell whether performing it means waiting for what the target does: evicting pods, one after another."""
    reading = run.known.reading
    return isinstance(reading, KubernetesOperation) and reading.verb is Verb.DRAIN


@asynccontextmanager
async def _attempt(run: Run) -> AsyncIterator[AnyTurn]:
    """Take the run's turn for an attempt. Where another one follows, leave a warning on the timeline, let others have
    the turn, and wait as long as the target asked.
    """
    turn = turn_of_run()
    await turn.again()
    try:
        yield turn
    except CountersignError as error:
        settings, attempt = run.services.settings, task_run.run_count or 1
        if is_transient(error) and attempt <= settings.retry_attempts:
            wait = settings.retry_delay_seconds
            if isinstance(error, TransientTargetError) and error.retry_after is not None:
                wait = max(wait, min(error.retry_after, LONGEST_RETRY_AFTER_SECONDS))
            RETRIES.count()
            turn.leave()
            await in_thread(run.warn_of_retry, error, attempt=attempt, seconds=wait)
            await asyncio.sleep(wait - settings.retry_delay_seconds)
        raise


def _identifier(approval_id: str) -> UUID:
    try:
        return UUID(approval_id)
    except ValueError:
        raise InvalidInput(
            f"approval_id {approval_id!r} is not an identifier.", hint="`countersign approvals list` shows them"
        ) from None
