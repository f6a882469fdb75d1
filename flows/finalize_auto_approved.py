"""Finalise what was approved by itself, once its incident exists: callable from Prefect's pages, repeats nothing."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from countersign.aftermath.finalisation import Finalising, finalise
from countersign.records.database.identifiers import id_from_text
from flows.threads import in_thread
from flows.wiring import open_services, worker_name


@flow(name="finalize-auto-approved", flow_run_name="finalize {approval_id}", persist_result=False)
async def finalize_auto_approved(approval_id: str, incident_id: str | None = None) -> State[Any]:
    """Add what an auto-approved action's incident is missing: record, timeline, knowledge, verification, resolution.

    Args:
        approval_id: The auto-approved approval.
        incident_id: The incident that it belongs to, where the approval does not name it.

    Nothing is executed again, and doing it twice changes nothing.
    """
    services = await open_services()
    approval = id_from_text(approval_id)
    done = await in_thread(
        finalise, services, approval, incident_id=(incident_id or "").strip() or None, runner=worker_name()
    )
    name = "Skipped" if done.result is Finalising.SKIPPED else None
    return Completed(
        name=name, message=done.summary, data={"result": done.result.value, "incident": done.incident_id}
    )
