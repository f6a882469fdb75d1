"""`/v1/approvals/…/runs`: where a run stands that was started by hand, and what it came to."""

import asyncio
from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from countersign.execution.report import Report
from countersign.execution.run_progress import run_progress
from countersign.execution.run_report import report_of_run
from countersign.masking import masked, masked_values
from countersign.policy.roles import Permission
from countersign.web.acting import Caller
from countersign.web.api.reach import reachable
from countersign.web.api.responses import problems
from countersign.worker.run_standing import run_standing

router = APIRouter(prefix="/approvals/{approval_id}/runs", tags=["approvals"])


class ProgressView(BaseModel):
    """How far a run is."""

    done: int
    of: int = Field(description="changes of the plan, then steps that follow; 0 where there is no plan yet")
    said: str
    held_up_by: str
    seconds_left: float | None


class RunView(BaseModel):
    """A run of an approval's action, or of its dry run."""

    flow_run_id: UUID
    dry_run: bool
    ended: bool
    state: str = Field(description="as Prefect shows it")
    message: str
    started: bool = Field(description="false where it was refused before it began")
    progress: ProgressView | None = Field(description="null before it is claimed")
    report: Report | None = Field(description="what it came to, once it has ended")


@router.get("/{flow_run_id}", responses=problems(404))
def show(approval_id: UUID, flow_run_id: UUID, acting: Caller) -> RunView:
    """Return where a run stands: how far it is, or its report."""
    with acting.records() as session:
        reachable(session, acting, approval_id, Permission.READ)
    found = asyncio.run(run_standing(approval_id, flow_run_id))
    with acting.records() as session:
        progress = None if found.ended else run_progress(session, approval_id)
        report = report_of_run(session, approval_id, flow_run_id, dry_run=found.dry_run) if found.ended else None
    return RunView(
        flow_run_id=flow_run_id,
        dry_run=found.dry_run,
        ended=found.ended,
        state=found.state,
        message=masked(found.message),
        started=found.started,
        progress=ProgressView(**asdict(progress)) if progress is not None else None,
        report=None if report is None else Report.model_validate(masked_values(report.model_dump(mode="json"))),
    )
