"""Find what was left undone, and do it: started by a schedule, by hand in the UI, or by `countersign reconcile`."""

from collections.abc import Sequence
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Completed
from sqlalchemy.exc import SQLAlchemyError

from countersign.aftermath.reconciliation import (
    bury_dead_steps,
    finalise_repairs,
    replay_letters_due,
    resolve_stuck_incidents,
    settle_abandoned_rollbacks,
)
from countersign.errors import CountersignError
from countersign.escaping import markdown, visible
from countersign.execution.reconciliation import (
    approvals_to_start,
    close_logs,
    end_dry_runs,
    expire_overdue,
    settle_abandoned,
    to_take_over,
    unstarted,
    withdraw,
)
from countersign.execution.second_look import look_again
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.database.engine import transaction
from countersign.records.findings import Finding
from countersign.records.rounds import note_round
from countersign.texts import text
from countersign.worker.orphans import owner_of
from countersign.worker.run_starter import start_runs
from flows.cancelling import cancelled_unclaimed
from flows.crowding import is_left_out
from flows.finishing import have_steps_finished
from flows.lost_runs import crash_lost_runs
from flows.rounds import Context, Part, Round, go_round, reason_of, threaded
from flows.threads import in_thread, in_thread_to_its_end
from flows.wiring import open_services, worker_name

logger = get_logger(__name__)
ARTIFACT = "reconciliation"


class ReconciliationIncomplete(CountersignError):
    """Some parts could not be looked at; the others were."""

    code = "reconciliation_incomplete"


@flow(name="reconcile", flow_run_name="reconcile")
async def reconcile() -> Any:
    """Look for what was left undone and do it; the artifact "reconciliation" says what was found, if anything was.

    Starts approvals that nobody started, has executions taken over whose worker died, expires what is past its time,
    closes open operation logs, and marks runs of dead workers as crashed. Asks targets again where a request that was
    given up may have landed. Has the steps after executions finished,
    replays dead letters, ends rollbacks whose step is dead, finalises what was approved by itself and resolves
    incidents that were left open. Returns how much was found.
    """
    if flow_run.id and await is_left_out(UUID(str(flow_run.id))):
        return Completed(name="Left out", message=text("reconcile.left_out"), data=0)
    context = await _context()
    done = await go_round(PARTS, context)
    await _note(context, done)
    if done.found or done.problems:
        await _show(done)
    if done.problems:
        raise ReconciliationIncomplete(" ".join(done.problems), hint="the next round looks again")
    return done.found


async def reconcile_once(*, here: bool = False) -> Round:
    """Do a round without Prefect around it. Raises ConfigurationError, DatabaseUnavailable.

    With `here` abandoned executions are settled in this process, which lasts as long as their actions do.
    """
    context = await _context(here=here)
    done = await go_round(PARTS, context)
    await _note(context, done)
    return done


async def _context(*, here: bool = False) -> Context:
    run_id = str(flow_run.id) if flow_run.id else None
    return Context(await open_services(), worker_name(), run_id, here)


async def _lost_runs(context: Context) -> Sequence[Finding]:
    async with get_client() as client:
        here = owner_of(await client.read_flow_run(UUID(context.flow_run_id))) if context.flow_run_id else None
        return await crash_lost_runs(client, context.services, here=here)


async def _never_started(context: Context) -> Sequence[Finding]:
    """Start what nobody started, once what a person cancelled is withdrawn; without knowing that, nothing."""
    withdrawn = await _withdrawn(context)
    due = await in_thread(approvals_to_start, context.services)
    return [*withdrawn, *await start_runs(due, said="reconcile.started")]


async def _withdrawn(context: Context) -> Sequence[Finding]:
    unclaimed = await in_thread(unstarted, context.services)
    if not unclaimed:
        return []
    async with get_client() as client:
        cancelled = await cancelled_unclaimed(client, unclaimed)
    found = []
    for approval_id, run in cancelled.items():
        message = text("message.cancelled_unclaimed", run=run.name)
        mine = partial(withdraw, context.services, worker=context.worker, flow_run_id=str(run.id), message=message)
        if await in_thread(mine, approval_id):
            found.append(Finding(str(approval_id), text("reconcile.withdrawn", run=run.name)))
    return found


async def _abandoned(context: Context) -> Sequence[Finding]:
    """Have what is abandoned settled by a run of its own: it may have to wait, and the next round must not."""
    services = context.services
    if context.here:
        settling = partial(settle_abandoned, services, worker=context.worker, flow_run_id=context.flow_run_id)
        return await in_thread_to_its_end(Event(), settling)
    ended = await in_thread(end_dry_runs, services, worker=context.worker)
    return [*ended, *await start_runs(await in_thread(to_take_over, services), said="reconcile.handed_over")]


async def _abandoned_rollbacks(context: Context) -> Sequence[Finding]:
    return await in_thread(partial(settle_abandoned_rollbacks, context.services, worker=context.worker))


PARTS = (
    # Lost runs first: what they hold in Prefect is what the runs started below may be waiting for.
    Part("lost_run", _lost_runs),
    Part("expired", threaded(expire_overdue)),
    Part("open_log", threaded(close_logs)),
    Part("never_started", _never_started),
    Part("abandoned", _abandoned),
    Part("landed_late", threaded(look_again)),
    Part("dead_step", threaded(bury_dead_steps)),
    # Between the two: a rollback whose step is dead ends before a replay may look for it.
    Part("abandoned_rollback", _abandoned_rollbacks),
    Part("dead_letter", threaded(replay_letters_due)),
    Part("open_step", have_steps_finished),
    Part("unfinalised", threaded(finalise_repairs)),
    Part("stuck_incident", threaded(resolve_stuck_incidents)),
)


def rows(done: Round) -> list[dict[str, Any]]:
    """Return what was found as a table for people, and what could not be looked at."""
    table = []
    for each in done.looked:
        found = list(each.findings)
        if each.problem:
            found.append(Finding("", text("reconcile.not_looked_at", reason=each.problem), failed=True))
        table += [
            {
                text("reconcile.kind"): text(f"reconcile.{each.part}"),
                text("reconcile.subject"): finding.subject,
                text("reconcile.age"): "" if finding.age_seconds is None else f"{finding.age_seconds:.0f} s",
                text("reconcile.done"): finding.done,
            }
            for finding in found
        ]
    return table


def counts(done: Round) -> list[dict[str, str]]:
    """Return, for people, what each part that found something or could not look came to."""
    return [
        {
            text("reconcile.kind"): text(f"reconcile.{each.part}"),
            text("reconcile.count"): str(len(each.findings)),
            text("reconcile.count_done"): str(each.done),
            text("reconcile.count_failed"): str(each.failed),
            text("reconcile.oldest"): "" if each.oldest_seconds is None else f"{each.oldest_seconds:.0f} s",
        }
        for each in done.looked
        if each.findings or each.problem
    ]


async def _note(context: Context, done: Round) -> None:
    """Put the round's counts and ages on record, for metrics. Noting must not fail what was done."""
    try:
        await in_thread(_note_in_one_transaction, context.services, done)
    except (CountersignError, SQLAlchemyError) as error:
        logger.warning("the round is done but not counted", error=reason_of(error))


def _note_in_one_transaction(services: Services, done: Round) -> None:
    with transaction(services.engine) as session:
        note_round(session, done.looked)


async def _show(done: Round) -> None:
    """Put the table on the run's page. Showing must not fail what was done."""
    summary = "\n".join([*done.problems, *(" · ".join(row.values()) for row in counts(done))])
    summary = summary or text("reconcile.nothing")
    # The description is markdown, the cells are not.
    shown = "  \n".join(map(markdown, summary.splitlines()))
    table = [{name: visible(value) for name, value in row.items()} for row in rows(done)]
    try:
        await acreate_table_artifact(key=ARTIFACT, table=table, description=shown)
    except Exception:
        logger.warning("the round is done but not among the artifacts", exc_info=True)
