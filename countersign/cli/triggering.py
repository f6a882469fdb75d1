"""Starting the deployment and waiting for the outcome."""

import asyncio
from time import monotonic
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import wait_for_flow_run
from sqlalchemy import Engine

from countersign.cli.opened import open_for_commands
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, CountersignError, DatabaseUnavailable, NotApproved
from countersign.execution.report import Report
from countersign.execution.run_progress import RunProgress, run_progress
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.queries import executions_of
from countersign.texts import text
from countersign.worker.availability import takers_of

DEPLOYMENT = "execute-approval/execute-approval"
PROGRESS_SECONDS = 2.0
SAID_AGAIN_SECONDS = 30.0


def trigger(approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | None:
    """Start a run of the deployment; wait for it and return its report, or None without waiting.

    Raises ConfigurationError where Prefect's API or the deployment is missing, NotApproved where nothing was to be
    started.
    """
    services = open_for_commands()
    progress = ProgressLines(services.engine, approval_id)
    try:
        flow_run_id, state, message = asyncio.run(_run(approval_id, progress, dry_run=dry_run, wait=wait))
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"Prefect's API does not answer ({type(error).__name__})",
            hint="set PREFECT_API_URL, or start everything here with `countersign up`",
        ) from None
    except ObjectNotFound:
        raise ConfigurationError(
            f"the deployment {DEPLOYMENT} does not exist",
            hint="`prefect deploy --all` in the project's folder makes it",
        ) from None
    if not wait:
        say(flow_run_id)
        return None
    with transaction(services.engine) as session:
        found = [row for row in executions_of(session, approval_id) if row.dry_run == dry_run and not row.rolls_back]
    # An earlier try that was put off says nothing of this run.
    mine = [row for row in found if row.outcome is not Outcome.POSTPONED or row.flow_run_id == str(flow_run_id)]
    if mine and mine[0].report is not None:
        by_this_run = mine[0].flow_run_id == str(flow_run_id)
        return Report.model_validate({**mine[0].report, "performed_by_this_run": by_this_run})
    if state == text("state.not_started") and not mine:
        raise NotApproved(message)
    raise CountersignError(f"the run ended as {state}: {message}", hint=f"see flow run {flow_run_id} in Prefect's UI")


async def _run(approval_id: UUID, progress: "ProgressLines", *, dry_run: bool, wait: bool) -> tuple[UUID, str, str]:
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(DEPLOYMENT)
        flow_run = await client.create_flow_run_from_deployment(
            deployment.id, parameters={"approval_id": str(approval_id), "dry_run": dry_run}
        )
    if not wait:
        return flow_run.id, "scheduled", ""
    await _say_what_it_waits_for()
    telling = asyncio.create_task(progress.tell())
    try:
        ended: FlowRun = await wait_for_flow_run(flow_run.id)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    return flow_run.id, ended.state_name or "unknown", (ended.state.message or "") if ended.state else ""


class ProgressLines:
    """Says on standard error how far a run is: when something has happened, and now and then that it goes on."""

    def __init__(self, engine: Engine, approval_id: UUID) -> None:
        self._engine = engine
        self._approval_id = approval_id

    async def tell(self) -> None:
        """Say it until cancelled."""
        said, when = None, 0.0
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            found = await asyncio.to_thread(self._found)
            if found is None:
                continue
            news = (found.said, found.held_up_by)
            if news != said or monotonic() - when >= SAID_AGAIN_SECONDS:
                say(found.sentence, err=True)
                said, when = news, monotonic()

    def _found(self) -> RunProgress | None:
        try:
            with transaction(self._engine) as session:
                return run_progress(session, self._approval_id)
        except DatabaseUnavailable:
            # The run goes on; what became of it is asked at its end.
            return None


async def _say_what_it_waits_for() -> None:
    """Whoever waits for a run that nobody takes is told so."""
    try:
        obstacle = (await takers_of(DEPLOYMENT)).obstacle
    except ConfigurationError:
        return  # the run was made a moment ago; whatever is wrong now, waiting tells
    if obstacle is not None:
        say(f"The run waits: {obstacle.message}.\nhint: {obstacle.hint}", err=True)
