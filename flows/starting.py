"""Start runs of `execute-approval` for what reconciliation found, one each, however many rounds find it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectException

from countersign.errors import ConfigurationError
from countersign.execution.reconciling import ToStart
from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text

logger = get_logger(__name__)
DEPLOYMENT = "execute-approval/execute-approval"


@dataclass(frozen=True)
class _Deployment:
    client: PrefectClient
    id: UUID


async def start_runs(due: Sequence[ToStart], *, said: str) -> list[Finding]:
    """Start a run for each of `due`; a finding says so with the text `said`.

    Raises ConfigurationError without the deployment, httpx.TransportError where Prefect's server is not reached.
    """
    if not due:
        return []
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            raise ConfigurationError(
                f"The deployment {DEPLOYMENT} does not exist.",
                hint="`prefect deploy --all` in the project's folder makes it",
            ) from None
        return [await _start(_Deployment(client, found.id), each, said=said) for each in due]


async def _start(deployment: _Deployment, due: ToStart, *, said: str) -> Finding:
    try:
        run = await deployment.client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"approval_id": str(due.approval_id), "dry_run": False},
            idempotency_key=due.key,
        )
    except (httpx.HTTPStatusError, PrefectException) as error:
        # The boundary of one finding: the server refused this one; the others are tried.
        logger.warning("run not started", approval_id=str(due.approval_id), error=type(error).__name__)
        done = text("reconcile.not_started", reason=type(error).__name__)
        return Finding(str(due.approval_id), done, due.age_seconds, failed=True)
    return Finding(str(due.approval_id), text(said, run=run.id, worker=due.worker), due.age_seconds)
