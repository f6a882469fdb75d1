"""Find what was left undone, and do it: started by a schedule, by hand in the UI, or by `countersign reconcile`.

One task per kind of finding; each is a function that takes a bounded batch and may run any number of times at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import httpx
from prefect import flow, task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.reconciling import (
    Finding,
    Kind,
    approvals_to_start,
    close_logs,
    expire_overdue,
    settle_abandoned,
)
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.texts import text
from flows.lost_runs import crash_lost_runs
from flows.threads import in_thread, in_thread_to_its_end
from flows.wiring import open_services, worker_name

logger = get_logger(__name__)
DEPLOYMENT = "execute-approval/execute-approval"
ARTIFACT = "reconciliation"


class ReconciliationIncomplete(CountersignError):
    """Some kinds of findings could not be looked at; the others were."""

    code = "reconciliation_incomplete"


@dataclass(frozen=True)
class Round:
    """What one round found and did, and what it could not look at."""

    findings: Sequence[Finding]
    problems: Sequence[str]


@flow(name="reconcile", flow_run_name="reconcile")
async def reconcile() -> int:
    """Look for what was left undone and do it; the artifact "reconciliation" says what was found.

    Starts approvals that nobody started, settles executions whose worker died, expires what is past its time,
    closes open operation logs, and marks runs of dead workers as crashed. Returns how much was found.
    """
    done = await reconcile_once(each=look)
    await _show(done)
    if done.problems:
        raise ReconciliationIncomplete(" ".join(done.problems), hint="the next round looks again")
    return len(done.findings)


async def _look(kind: Kind, services: Services) -> list[Finding]:
    return await LOOKING[kind](services)


@task(task_run_name="{kind}", cache_policy=NO_CACHE, persist_result=False)
async def look(kind: Kind, services: Services) -> list[Finding]:
    """Find one kind of thing that was left undone, and do it."""
    return await _look(kind, services)


async def reconcile_once(*, each: Callable[[Kind, Services], Awaitable[list[Finding]]] = _look) -> Round:
    """Look for every kind once. Raises ConfigurationError, DatabaseUnavailable.

    A kind that cannot be looked at does not keep the others from it.
    """
    services = await open_services()
    findings: list[Finding] = []
    problems: list[str] = []
    for kind in LOOKING:
        try:
            findings += await each(kind, services)
        except (CountersignError, httpx.HTTPError) as error:
            reason = error.message if isinstance(error, CountersignError) else type(error).__name__
            logger.warning("not reconciled", kind=kind.value, error=reason)
            problems.append(f"{text(f'reconcile.{kind}')}: {reason}")
    return Round(findings, problems)


async def _start(services: Services) -> list[Finding]:
    """Start a run of the deployment for each approval that nobody started."""
    due = await in_thread(approvals_to_start, services)
    if not due:
        return []
    findings = []
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            raise ConfigurationError(
                f"The deployment {DEPLOYMENT} does not exist.",
                hint="`prefect deploy --all` in the project's folder makes it",
            ) from None
        for each in due:
            run = await client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"approval_id": str(each.approval_id), "dry_run": False},
                idempotency_key=each.key,
            )
            done = text("reconcile.started", run=run.id)
            findings.append(Finding(Kind.NEVER_STARTED, str(each.approval_id), done, each.age_seconds))
    return findings


async def _settle(services: Services) -> list[Finding]:
    run_id = str(flow_run.id) if flow_run.id else None
    # Not left behind when this run is cancelled: a worker that is told to stop waits for it.
    return await in_thread_to_its_end(
        Event(), partial(settle_abandoned, services, worker=worker_name(), flow_run_id=run_id)
    )


async def _lost(_services: Services) -> list[Finding]:
    async with get_client() as client:
        crashed = await crash_lost_runs(client)
    return [Finding(Kind.LOST_RUN, run.name, text("reconcile.crashed")) for run in crashed]


async def _expire(services: Services) -> list[Finding]:
    return await in_thread(expire_overdue, services)


async def _close(services: Services) -> list[Finding]:
    return await in_thread(close_logs, services)


LOOKING: dict[Kind, Callable[[Services], Awaitable[list[Finding]]]] = {
    # Lost runs first: what they hold in Prefect is what the runs started below may be waiting for.
    Kind.LOST_RUN: _lost,
    Kind.EXPIRED: _expire,
    Kind.OPEN_LOG: _close,
    Kind.NEVER_STARTED: _start,
    # Last, since it takes as long as the actions do.
    Kind.ABANDONED: _settle,
}


def rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as a table for people."""
    return [
        {
            text("reconcile.kind"): text(f"reconcile.{finding.kind}"),
            text("reconcile.subject"): finding.subject,
            text("reconcile.age"): "" if finding.age_seconds is None else f"{finding.age_seconds:.0f} s",
            text("reconcile.done"): finding.done,
        }
        for finding in findings
    ]


async def _show(done: Round) -> None:
    """Put the table on the run's page. Showing must not fail what was done."""
    summary = " ".join(done.problems) or (f"{len(done.findings)}" if done.findings else text("reconcile.nothing"))
    try:
        await acreate_table_artifact(key=ARTIFACT, table=rows(done.findings), description=summary)
    except Exception:
        logger.warning("the round is done but not among the artifacts", exc_info=True)
