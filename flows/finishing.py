"""Do what is left after an execution in a run of its own: a round of reconciliation starts one and does not wait."""

from collections.abc import Sequence

import httpx
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException

from countersign.aftermath.reconciling import ToFollow, open_steps, run_due_steps
from countersign.errors import ConfigurationError
from countersign.logging import get_logger
from countersign.records.findings import Finding
from countersign.texts import text
from flows.after_execution import after_execution, execution_named
from flows.rounds import Context
from flows.threads import in_thread
from flows.wiring import open_services

logger = get_logger(__name__)
DEPLOYMENT = "finish-steps/finish-steps"


@flow(name="finish-steps", flow_run_name="finish steps {execution_id}", persist_result=False)
async def finish_steps(execution_id: str) -> None:
    """Run the steps after an execution that are still to be done.

    Args:
        execution_id: The execution, or its approval.

    Nothing is executed anew, and a step that is done is not done again.
    """
    services = await open_services()
    await after_execution(services, await in_thread(execution_named, services, execution_id))


async def have_steps_finished(context: Context) -> Sequence[Finding]:
    """Find steps that nobody runs; a run of `finish-steps` runs them, or this process where the round stays here.

    Raises ConfigurationError without the deployment, httpx.TransportError where Prefect's server is not reached.
    """
    if context.here:
        return await in_thread(run_due_steps, context.services, runner=context.worker)
    found = await in_thread(open_steps, context.services)
    if not found:
        return []
    async with get_client() as client:
        try:
            deployment = (await client.read_deployment_by_name(DEPLOYMENT)).id
        except ObjectNotFound:
            raise ConfigurationError(
                f"The deployment {DEPLOYMENT} does not exist.",
                hint="`prefect deploy --all` in the project's folder makes it",
            ) from None

        async def start(each: ToFollow) -> Finding:
            execution_id = str(each.due.execution_id)
            try:
                run = await client.create_flow_run_from_deployment(
                    deployment, parameters={"execution_id": execution_id}, idempotency_key=each.key
                )
            except (httpx.HTTPStatusError, PrefectException) as error:
                # The boundary of one finding: the server refused this one; the others are tried.
                logger.warning("steps not started", execution_id=execution_id, error=type(error).__name__)
                done = text("reconcile.not_started", reason=type(error).__name__)
                return Finding(execution_id, done, each.age_seconds, failed=True)
            done = text("reconcile.steps_handed_over", run=run.id, steps=each.names)
            return Finding(execution_id, done, each.age_seconds)

        return [await start(each) for each in found]
