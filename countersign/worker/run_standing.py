"""Where a run stands, as Prefect's server knows it, for whoever started it and waits elsewhere."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from countersign.errors import ConfigurationError, NotFound
from countersign.texts import text
from countersign.worker.availability import SECONDS


@dataclass(frozen=True)
class RunStanding:
    """A run of `execute-approval`."""

    dry_run: bool
    ended: bool
    state: str
    message: str
    started: bool
    """False where it was refused before it began."""


async def run_standing(approval_id: UUID, flow_run_id: UUID) -> RunStanding:
    """Return where the approval's run stands. Raises NotFound, ConfigurationError where Prefect does not answer."""
    unknown = NotFound(f"approval {approval_id} has no run {flow_run_id}")
    try:
        async with asyncio.timeout(SECONDS), get_client() as client:
            run = await client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        raise unknown from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise ConfigurationError(
            f"Prefect's API does not answer ({type(error).__name__})",
            hint="the run goes on without it; the approval's own outcome says what came of it",
        ) from None
    if str(run.parameters.get("approval_id")) != str(approval_id):
        raise unknown
    return RunStanding(
        dry_run=bool(run.parameters.get("dry_run")),
        ended=run.state is not None and run.state.is_final(),
        state=run.state_name or "unknown",
        message=(run.state.message or "") if run.state is not None else "",
        started=run.state_name != text("state.not_started"),
    )
