"""Starting what was just approved, as a part of the worker: the approval itself is the message, and is read until a
run has claimed it. What else is due has a round of reconciliation started.

Every worker tries; the database lets one of them start runs at a time. Should that one die between a signature and a
run, the next one finds the approval due, and so does reconciliation.
"""

import asyncio
from logging import Logger, LoggerAdapter
from typing import Any

from sqlalchemy import Engine

from countersign.errors import CountersignError
from countersign.execution.reconciliation import just_due
from countersign.records.database.engine import connect
from countersign.records.leading import STARTING, Leadership
from countersign.settings import settings
from countersign.worker.run_starter import start_runs
from countersign.worker.watching import Watch, start_round

LISTEN_SECONDS = 1.0
"""How long one wait for a notice lasts: a worker that is to end does not wait for longer."""
LOOK_SECONDS = 3.0
"""After so long without a notice it is looked anyway: the time of what waits comes without one."""
SECONDS_AFTER_A_FAILURE = 5.0


async def keep_starting(logger: "Logger | LoggerAdapter[Any]") -> None:
    """Start runs until cancelled."""
    said = ""
    while True:
        try:
            await _lead(logger)
            said = ""
        except Exception as error:  # noqa: BLE001 - the boundary: runs go on whatever keeps new ones from starting
            reason = error.message if isinstance(error, CountersignError) else type(error).__name__
            if reason != said:
                logger.warning("Approvals are started by reconciliation until this is over: %s", reason)
            said = reason
        await asyncio.sleep(SECONDS_AFTER_A_FAILURE)


async def _lead(logger: "Logger | LoggerAdapter[Any]") -> None:
    """Start runs for as long as this process is the one to; return where another one is."""
    found = settings()
    engine = await asyncio.to_thread(connect, found.database_url, timeout=found.database_timeout_seconds)
    leadership: Leadership | None = None
    try:
        leadership = await asyncio.to_thread(Leadership, engine, STARTING)
        if not await asyncio.to_thread(leadership.lead):
            return
        watch = Watch(engine, found)
        while True:
            await _start(engine, logger)
            key = await asyncio.to_thread(watch.news)
            if key is not None:
                await start_round(key)
            for _ in range(round(LOOK_SECONDS / LISTEN_SECONDS)):
                if await asyncio.to_thread(leadership.wait, LISTEN_SECONDS):
                    break
    finally:
        if leadership is not None:
            leadership.close()
        engine.dispose()


async def _start(engine: Engine, logger: "Logger | LoggerAdapter[Any]") -> None:
    due = await asyncio.to_thread(just_due, engine)
    for started in await start_runs(due, said="reconcile.started"):
        logger.info("Approval %s: %s", started.subject, started.done)
