"""What a person sees of a run in Prefect's pages. None of it may stop or change an execution."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.runtime import flow_run

from countersign.execution.follow_up import FollowUp
from countersign.execution.markdown import render
from countersign.execution.report import Report
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.records.states import StepName
from countersign.records.tables import Approval
from countersign.texts import text
from flows.final_state import state_name

logger = get_logger(__name__)
LONGEST_NAME = 80
MEANWHILE_SECONDS = 3.0
"""Most of what follows is over by then where nothing has to be waited for."""
NOTHING_READ: Mapping[str, Any] = MappingProxyType({})


class RunName:
    """The run's name and tags in Prefect's list. They are told while the run goes on."""

    def __init__(self) -> None:
        self._tags = set(flow_run.tags or ())
        self._telling: asyncio.Task[None] | None = None

    def tell(self, approval: Approval, description: Mapping[str, Any] = NOTHING_READ) -> None:
        """Give the run the action's words as its name, and tags to filter by."""
        action = masked(" ".join(approval.action.split()))
        shortened = action if len(action) <= LONGEST_NAME else action[: LONGEST_NAME - 1] + "…"
        self._tags |= {f"risk:{approval.risk_level}", "auto" if approval.auto_approved else "human"}
        for name in ("operation", "tool", "namespace", "host"):
            if description.get(name):
                self._tags.add(f"{name}:{description[name]}")
        told = {"name": f"{shortened} [{approval.id.hex[-8:]}]", "tags": sorted(self._tags)}
        self._telling = asyncio.create_task(_update(told))

    async def tag(self, tags: set[str]) -> None:
        """Add tags."""
        if self._telling is not None:
            await asyncio.wait([self._telling])
        self._tags |= tags
        await _update({"tags": sorted(self._tags)})


async def _update(told: Mapping[str, Any]) -> None:
    if flow_run.id is None:
        return
    try:
        async with get_client() as client:
            await client.update_flow_run(UUID(str(flow_run.id)), **told)
    except Exception:
        logger.warning("the run's name or its tags are not as they should be", exc_info=True)


async def show_step(name: StepName, execution_id: UUID, page: str | None) -> None:
    """Put the page of a step on its run, where there is one to show."""
    if page is None:
        return
    try:
        key = f"{name.value.replace('_', '-')}-{execution_id}"
        await acreate_markdown_artifact(key=key, markdown=page, description=text(f"step_name.{name}"))
    except Exception:
        logger.warning("the step is on record but not among the artifacts", exc_info=True)


class ReportPage:
    """The report on the run's page: one markdown artifact, which what follows changes.

    An approval has one for what was done, and one for its dry runs.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._artifact: UUID | None = None

    @asynccontextmanager
    async def shown_meanwhile(self) -> AsyncIterator[None]:
        """Show the report while what follows is done, if that takes a while."""
        over = asyncio.Event()

        async def show() -> None:
            try:
                async with asyncio.timeout(MEANWHILE_SECONDS):
                    await over.wait()
            except TimeoutError:
                await self.show()

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            over.set()
            await asyncio.wait([showing])

    async def show(self, followed: FollowUp | None = None) -> None:
        """Show the report with what `followed`; its card says what the run's state does."""
        report = self._report
        try:
            page, said = render(report, followed), state_name(report, followed)
            if self._artifact is None:
                key = f"{'dry-run' if report.dry_run else 'approval'}-{report.approval_id}"
                self._artifact = await acreate_markdown_artifact(key=key, markdown=page, description=said)
            else:
                async with get_client() as client:
                    await client.update_artifact(self._artifact, ArtifactUpdate(data=page, description=said))
        except Exception:
            logger.warning("the report is on record but not among the artifacts", exc_info=True)
