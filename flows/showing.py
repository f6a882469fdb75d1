"""What a person sees of a run in Prefect's pages. None of it may stop or change an execution."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from countersign.execution.follow_up import FollowUp
from countersign.execution.markdown import render
from countersign.execution.report import Report
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.records.states import StepName
from countersign.records.tables import Approval
from countersign.texts import text

logger = get_logger(__name__)
LONGEST_NAME = 80
NOTHING_READ: Mapping[str, Any] = MappingProxyType({})


async def name_run(approval: Approval, description: Mapping[str, Any] = NOTHING_READ) -> None:
    """Give the flow run the action's words as its name, and tags to filter by."""
    if flow_run.id is None:
        return
    action = masked(" ".join(approval.action.split()))
    shortened = action if len(action) <= LONGEST_NAME else action[: LONGEST_NAME - 1] + "…"
    tags = {f"risk:{approval.risk_level}", "auto" if approval.auto_approved else "human"}
    for name in ("operation", "tool", "namespace", "host"):
        if description.get(name):
            tags.add(f"{name}:{description[name]}")
    try:
        async with get_client() as client:
            await client.update_flow_run(
                flow_run_id=flow_run.id,
                name=f"{shortened} [{approval.id.hex[-8:]}]",
                tags=sorted(tags | set(flow_run.tags or ())),
            )
    except Exception:
        logger.warning("the run keeps its first name", exc_info=True)


async def tag_run(tags: set[str]) -> None:
    """Add tags to the flow run."""
    if flow_run.id is None:
        return
    try:
        async with get_client() as client:
            known = await client.read_flow_run(UUID(str(flow_run.id)))
            await client.update_flow_run(flow_run_id=known.id, tags=sorted({*known.tags, *tags}))
    except Exception:
        logger.warning("the run lacks the tags of its outcome", exc_info=True)


async def show_step(name: StepName, execution_id: UUID, page: str | None) -> None:
    """Put the page of a step on its run, where there is one to show."""
    if page is None:
        return
    try:
        key = f"{name.value.replace('_', '-')}-{execution_id}"
        await acreate_markdown_artifact(key=key, markdown=page, description=text(f"step_name.{name}"))
    except Exception:
        logger.warning("the step is on record but not among the artifacts", exc_info=True)


async def show_report(report: Report, followed: FollowUp | None = None) -> None:
    """Put the report on the run's page as a markdown artifact, with what `followed`. An approval has one for what was
    done, and one for its dry runs.
    """
    kind = "dry-run" if report.dry_run else "approval"
    said = [text(f"outcome.{report.outcome}")]
    if followed is not None and followed.verification is not None:
        said.append(text(f"verdict.{followed.verification.verdict}"))
    try:
        await acreate_markdown_artifact(
            key=f"{kind}-{report.approval_id}", markdown=render(report, followed), description=", ".join(said)
        )
    except Exception:
        logger.warning("the report is on record but not among the artifacts", exc_info=True)
