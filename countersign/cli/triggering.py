"""Starting the deployment and waiting for the outcome."""

import asyncio
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.flow_runs import wait_for_flow_run
from sqlalchemy import Engine

from countersign.cli.options import user_here
from countersign.cli.progress_lines import ProgressLines, say_what_it_waits_for
from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.execution.report import Report
from countersign.execution.run_progress import RunProgress, run_progress
from countersign.execution.run_report import report_of_run, require_report
from countersign.records.database.engine import transaction
from countersign.texts import text
from countersign.worker.availability import takers_of
from countersign.worker.run_starter import EXECUTE_APPROVAL, start_by_hand

LOOK_SECONDS = 2.0
WITHOUT_AN_API = "set PREFECT_API_URL, or start everything here with `countersign up`"


def trigger(engine: Engine, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
    """Start a run of the deployment; wait for it and return its report, or its id without waiting.

    Raises ConfigurationError where Prefect's API or the deployment is missing, NotApproved where nothing was to be
    started.
    """
    flow_run_id = start_by_hand(engine, approval_id, dry_run=dry_run, by=user_here(), hint=WITHOUT_AN_API)
    if not wait:
        return flow_run_id
    try:
        state, message = asyncio.run(_end_of(engine, approval_id, flow_run_id))
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"Prefect's API does not tell how run {flow_run_id} ends ({type(error).__name__})",
            hint=f"`countersign approvals show {approval_id}` tells what became of it",
        ) from None
    with transaction(engine) as session:
        report = report_of_run(session, approval_id, flow_run_id, dry_run=dry_run)
    started = state != text("state.not_started")
    return require_report(report, flow_run_id=flow_run_id, state=state, message=message, started=started)


async def _end_of(engine: Engine, approval_id: UUID, flow_run_id: UUID) -> tuple[str, str]:
    say_what_it_waits_for(await _obstacle())
    telling = asyncio.create_task(_tell(engine, approval_id))
    try:
        ended: FlowRun = await wait_for_flow_run(flow_run_id)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    return ended.state_name or "unknown", (ended.state.message or "") if ended.state else ""


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
