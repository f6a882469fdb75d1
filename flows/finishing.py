"""Do what is left after an execution in a run of its own: a round of reconciliation starts one and does not wait."""

from collections.abc import Sequence

import httpx
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

from countersign.aftermath.reconciling import ToFollow, open_steps, run_due_steps
from countersign.records.findings import Finding
from countersign.texts import text
from flows.after_execution import after_execution, execution_named
from flows.rounds import Context
from flows.starting import deployment_id, refused, start_once
from flows.threads import in_thread
from flows.wiring import open_services

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
        deployment = await deployment_id(client, DEPLOYMENT)

        async def start(each: ToFollow) -> Finding:
            execution_id = str(each.due.execution_id)
            try:
                run = await start_once(client, deployment, {"execution_id": execution_id}, key=each.key)
            except (httpx.HTTPStatusError, PrefectException) as error:
                # The boundary of one finding: the server refused this one; the others are tried.
                return refused(execution_id, each.age_seconds, error)
            done = text("reconcile.steps_handed_over", run=run.id, steps=each.names)
            return Finding(execution_id, done, each.age_seconds)

        return [await start(each) for each in found]
