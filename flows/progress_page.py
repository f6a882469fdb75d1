"""The progress of a long run as one artifact on its page, made once it has taken a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

from countersign.errors import DatabaseUnavailable
from countersign.execution.run_progress import RunProgress, run_progress
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.database.engine import statements
from countersign.texts import text
from flows.threads import in_thread

logger = get_logger(__name__)
FIRST_SECONDS = 15.0
"""Most runs are over by then, and Prefect's server need not be told of them."""
NEXT_SECONDS = 5.0
LAST_SECONDS = 10.0
"""For how long a run waits to show that it is over."""


@asynccontextmanager
async def progress_shown(services: Services, approval_id: UUID) -> AsyncIterator[None]:
    """Show meanwhile how far the approval's run is."""
    page = _Page(services, approval_id)
    showing = asyncio.create_task(page.follow())
    try:
        yield
        page.over.set()
        await asyncio.wait([showing], timeout=LAST_SECONDS)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


class _Page:
    def __init__(self, services: Services, approval_id: UUID) -> None:
        self.over = asyncio.Event()
        self._services, self._approval_id = services, approval_id
        self._artifact: UUID | None = None

    async def follow(self) -> None:
        """Show what changes until it is over, and that it is, where anything was shown."""
        shown: RunProgress | None = None
        await self._pause(FIRST_SECONDS)
        while not self.over.is_set():
            found = await in_thread(_progress, self._services, self._approval_id)
            if found is not None and found != shown:
                await self._put(found.percent, found.sentence)
                shown = found
            await self._pause(NEXT_SECONDS)
        if self._artifact is not None:
            await self._put(100.0, text("running.over"))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def _put(self, percent: float, said: str) -> None:
        try:
            if self._artifact is None:
                key = f"progress-{self._approval_id}"
                self._artifact = await acreate_progress_artifact(percent, key=key, description=said)
            else:
                await aupdate_progress_artifact(self._artifact, percent, description=said)
        except Exception:
            # The boundary: what a person sees of a run must not change it.
            logger.warning("the run's progress is not shown", approval_id=str(self._approval_id), exc_info=True)


def _progress(services: Services, approval_id: UUID) -> RunProgress | None:
    try:
        with statements(services.engine) as session:
            return run_progress(session, approval_id)
    except DatabaseUnavailable:
        return None  # the run itself says so
