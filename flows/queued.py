"""Steps that wait for a thread or for each other in a process that lives: the ledger is told, so that reconciliation
does not take them for steps that nobody is about to begin.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from countersign.aftermath.step_lease import QUEUED_SECONDS, keep_queued_steps
from countersign.execution.services import Services
from flows.threads import in_thread

_FOLLOWED: Counter[UUID] = Counter()
"""Executions whose steps this process is at."""
_KEEPING: set[asyncio.Task[None]] = set()


@contextmanager
def queued(services: Services, execution_id: UUID) -> Iterator[None]:
    """Tell the ledger meanwhile, from time to time, that the execution's steps will be begun."""
    _FOLLOWED[execution_id] += 1
    if not _KEEPING:
        keeping = asyncio.create_task(_keep(services))
        _KEEPING.add(keeping)
        keeping.add_done_callback(_KEEPING.discard)
    try:
        yield
    finally:
        _FOLLOWED[execution_id] -= 1
        if not _FOLLOWED[execution_id]:
            del _FOLLOWED[execution_id]


async def _keep(services: Services) -> None:
    """Tell of all of them in one statement, for as long as there are any."""
    while _FOLLOWED:
        await asyncio.sleep(QUEUED_SECONDS)
        await in_thread(keep_queued_steps, services.engine, list(_FOLLOWED))
