"""Start runs for what reconciliation found, one at a time for each, however many rounds find it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectException

from countersign.errors import ConfigurationError
from countersign.execution.reconciling import ToStart
from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text

logger = get_logger(__name__)
EXECUTE_APPROVAL = "execute-approval/execute-approval"
RUNS_PER_TRY = 5
"""A run that crashed began nothing, or left what it had begun: another one starts at once. One that crashes whatever
happens (its code cannot be imported) comes back with the next try only."""


async def start_runs(due: Sequence[ToStart], *, said: str) -> list[Finding]:
    """Start a run of `execute-approval` for each of `due`; a finding says so with the text `said`.

    Raises ConfigurationError without the deployment, httpx.TransportError where Prefect's server is not reached.
    """
    if not due:
        return []
    async with get_client() as client:
        deployment = await deployment_id(client, EXECUTE_APPROVAL)
        return [await _start(client, deployment, each, said=said) for each in due]


async def _start(client: PrefectClient, deployment: UUID, due: ToStart, *, said: str) -> Finding:
    subject = str(due.approval_id)
    parameters = {"approval_id": subject, "dry_run": False}
    try:
        run = await start_once(client, deployment, parameters, key=due.key)
    except (httpx.HTTPStatusError, PrefectException) as error:
        # The boundary of one finding: the server refused this one; the others are tried.
        return refused(subject, due.age_seconds, error)
    return Finding(subject, text(said, run=run.id, worker=due.worker), due.age_seconds)


async def start_once(
    client: PrefectClient, deployment: UUID, parameters: Mapping[str, object], *, key: str
) -> FlowRun:
    """Start a run for the try `key`, or return the one that was started for it: another one only if that crashed.

    Raises httpx.HTTPError, PrefectException.
    """
    for number in range(RUNS_PER_TRY):
        run = await client.create_flow_run_from_deployment(
            deployment, parameters=dict(parameters), idempotency_key=f"{key}:{number}"
        )
        if run.state is None or not run.state.is_crashed():
            break
    return run


async def deployment_id(client: PrefectClient, name: str) -> UUID:
    """Return the id of a deployment. Raises ConfigurationError without it."""
    try:
        return (await client.read_deployment_by_name(name)).id
    except ObjectNotFound:
        raise ConfigurationError(
            f"The deployment {name} does not exist.", hint="`prefect deploy --all` in the project's folder makes it"
        ) from None


def refused(subject: str, age_seconds: float, error: Exception) -> Finding:
    """Return the finding that the server did not take a run for `subject`."""
    logger.warning("run not started", subject=subject, error=type(error).__name__)
    return Finding(subject, text("reconcile.not_started", reason=type(error).__name__), age_seconds, failed=True)
