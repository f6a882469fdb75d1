"""Do what is left after an execution in a run of its own: a round of reconciliation starts one and does not wait."""

from collections.abc import Sequence

from prefect import flow
from prefect.client.orchestration import get_client

from countersign.aftermath.reconciliation import open_steps, run_due_steps
from countersign.records.findings import Finding
from countersign.worker.run_starter import FINISH_STEPS, Starter, in_time
from flows.after_execution import after_execution, execution_named
from flows.rounds import Context
from flows.threads import in_thread
from flows.wiring import open_services


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

    Raises ConfigurationError without the deployment, httpx.HTTPError where Prefect's server does not answer.
    """
    if context.here:
        return await in_thread(run_due_steps, context.services, runner=context.worker)
    found = await in_thread(open_steps, context.services)
    if not found:
        return []
    async with get_client() as client:
        starter = await Starter.of(client, FINISH_STEPS, "execution_id")
        return [
            await starter.start(
                str(each.due.execution_id),
                each.age_seconds,
                key=each.key,
                said="reconcile.steps_handed_over",
                steps=each.names,
            )
            for each in in_time(found)
        ]
