"""A run without Prefect: the phases in a row, in this thread. For reconciliation, tests and scripts."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic, sleep

from countersign.errors import CountersignError, DatabaseUnavailable, InternalError, StaleFence
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.logging import get_logger
from countersign.targets.classify import is_transient

logger = get_logger(__name__)
POLL_SECONDS = 0.1
LONGEST_RETRY_AFTER_SECONDS = 300.0


def execute(run: Run) -> Report:
    """Execute `run`'s approval, or wait for the result of whoever does, and return the report.

    Raises NotFound, ConfigurationError, DatabaseUnavailable.
    """
    run.ready()
    deadline = monotonic() + run.services.settings.follow_seconds
    while True:
        answer = run.claim()
        if isinstance(answer, Report):
            return answer
        if answer is not None:
            if monotonic() >= deadline:
                return run.still_running(answer)
            sleep(POLL_SECONDS)
            continue
        ended = Event()
        heart = Thread(target=_beat, args=(run, ended), daemon=True)
        heart.start()
        try:
            return run.settle(_phases(run))
        except StaleFence:
            pass
        finally:
            ended.set()
            heart.join()
        run.begin_again()


def _phases(run: Run) -> CountersignError | None:
    """Go through the phases; return the error that ended them. Raises StaleFence."""
    try:
        run.open_log()
        run.read()
        run.check()
        _repeat(run, lambda attempt: _plan(run, attempt))
        if not run.dry_run:
            _perform(run)
    except StaleFence:
        raise
    except CountersignError as error:
        return error
    except Exception as error:
        # The boundary: whatever went wrong, the record says how the execution ended.
        logger.exception("unexpected error in a run", approval_id=str(run.approval_id))
        return InternalError(f"{type(error).__name__} stopped the run unexpectedly.")
    return None


def _plan(run: Run, attempt: int) -> None:
    run.attempted(attempt)
    resolution = run.resolve()
    if resolution is None:
        return
    deadline = monotonic() + run.services.settings.target_wait_seconds
    while (holder := run.hold(resolution)) is not None:
        if monotonic() >= deadline:
            raise run.held(holder)
        sleep(POLL_SECONDS)
    run.plan(resolution)


def _perform(run: Run) -> None:
    try:
        _repeat(run, lambda attempt: run.perform(attempt=attempt))
    except CountersignError as error:
        if not run.plans_again(error):
            raise
        _repeat(run, lambda attempt: _plan(run, attempt))
        _repeat(run, lambda attempt: run.perform(attempt=attempt))


def _repeat(run: Run, phase: Callable[[int], object]) -> None:
    """Call `phase` with the attempt's number until it goes through or another attempt makes no sense."""
    settings = run.services.settings
    for attempt in range(1, settings.retry_attempts + 2):
        try:
            phase(attempt)
        except CountersignError as error:
            if attempt > settings.retry_attempts or not is_transient(error):
                raise
            asked = min(getattr(error, "retry_after", None) or 0, LONGEST_RETRY_AFTER_SECONDS)
            wait = max(settings.retry_delay_seconds, asked)
            run.warn_of_retry(error, attempt=attempt, seconds=wait)
            run.stop.wait(wait)
        else:
            return


def _beat(run: Run, ended: Event) -> None:
    while not ended.wait(run.services.settings.lease_seconds / 3):
        try:
            run.extend_lease()
        except StaleFence:
            run.stop.set()
            return
        except DatabaseUnavailable:
            continue
