"""Starting the deployment and waiting for the outcome."""

import asyncio
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import wait_for_flow_run
from sqlalchemy import Engine

from countersign.cli.progress_lines import ProgressLines, say_what_it_waits_for
from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.execution.report import Report
from countersign.execution.run_progress import RunProgress, run_progress
from countersign.execution.run_report import report_of_run, require_report
from countersign.records.database.engine import transaction
from countersign.texts import text
from countersign.worker.availability import takers_of
from countersign.worker.run_starter import EXECUTE_APPROVAL

LOOK_SECONDS = 2.0


def trigger(engine: Engine, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
    """Start a run of the deployment; wait for it and return its report, or its id without waiting.

    Raises ConfigurationError where Prefect's API or the deployment is missing, NotApproved where nothing was to be
    started.
    """
    try:
        flow_run_id, state, message = asyncio.run(_run(engine, approval_id, dry_run=dry_run, wait=wait))
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"Prefect's API does not answer ({type(error).__name__})",
            hint="set PREFECT_API_URL, or start everything here with `countersign up`",
        ) from None
    except ObjectNotFound:
        raise ConfigurationError(
            f"the deployment {EXECUTE_APPROVAL} does not exist",
            hint="`prefect deploy --all` in the project's folder makes it",
        ) from None
    if not wait:
        return flow_run_id
    with transaction(engine) as session:
        report = report_of_run(session, approval_id, flow_run_id, dry_run=dry_run)
    started = state != text("state.not_started")
    return require_report(report, flow_run_id=flow_run_id, state=state, message=message, started=started)


async def _run(engine: Engine, approval_id: UUID, *, dry_run: bool, wait: bool) -> tuple[UUID, str, str]:
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(EXECUTE_APPROVAL)
        flow_run = await client.create_flow_run_from_deployment(
            deployment.id, parameters={"approval_id": str(approval_id), "dry_run": dry_run}
        )
    if not wait:
        return flow_run.id, "scheduled", ""
    say_what_it_waits_for(await _obstacle())
    telling = asyncio.create_task(_tell(engine, approval_id))
    try:
        ended: FlowRun = await wait_for_flow_run(flow_run.id)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    return flow_run.id, ended.state_name or "unknown", (ended.state.message or "") if ended.state else ""


async def _tell(engine: Engine, approval_id: UUID) -> None:
    """Say how far the run is until cancelled."""
    lines = ProgressLines()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        found = await asyncio.to_thread(_progress, engine, approval_id)
        if found is not None:
            lines.tell(found)


def _progress(engine: Engine, approval_id: UUID) -> RunProgress | None:
    try:
        with transaction(engine) as session:
            return run_progress(session, approval_id)
    except DatabaseUnavailable:
        # The run goes on; what became of it is asked at its end.
        return None


async def _obstacle() -> ConfigurationError | None:
    try:
        return (await takers_of(EXECUTE_APPROVAL)).obstacle
    except ConfigurationError:
        return None  # the run was made a moment ago; whatever is wrong now, waiting tells
