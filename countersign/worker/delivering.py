"""Telling webhooks what happens, as a part of the worker: every worker tries, the database lets one of them do it."""

import asyncio
from logging import Logger, LoggerAdapter
from threading import Event
from typing import Any

from countersign.errors import CountersignError
from countersign.execution.plan_seal import read_seal
from countersign.records.database.engine import connect
from countersign.records.leading import DELIVERING, Leadership
from countersign.settings import settings
from countersign.webhooks.delivering import Delivering

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_AFTER_A_FAILURE = 5.0


async def keep_delivering(logger: "Logger | LoggerAdapter[Any]") -> None:
    """Tell webhooks until cancelled. Without a trust folder nothing is sealed, so there is nothing to tell."""
    if settings().trust_dir is None:
        return
    said, over = "", Event()
    try:
        while True:
            try:
                await asyncio.to_thread(_lead, over)
                said = ""
            except Exception as error:  # noqa: BLE001 - the boundary: runs go on whatever keeps this from going on
                reason = error.message if isinstance(error, CountersignError) else type(error).__name__
                if reason != said:
                    logger.warning("Webhooks are told later: %s", reason)
                said = reason
            await asyncio.sleep(SECONDS_AFTER_A_FAILURE)
    finally:
        over.set()


def _lead(over: Event) -> None:
    """Tell webhooks until it is over, if this process is the one to; return at once where another one is."""
    found = settings()
    seal = read_seal(found.trust_dir)
    engine = connect(found.database_url, timeout=found.database_timeout_seconds)
    try:
        leadership = Leadership(engine, DELIVERING)
        try:
            if leadership.lead():
                _deliver(Delivering(engine, seal, found), leadership, over)
        finally:
            leadership.close()
    finally:
        engine.dispose()


def _deliver(delivering: Delivering, leadership: Leadership, over: Event) -> None:
    try:
        while not over.is_set():
            delivering.look()
            # The lock goes with its connection, whose loss is noticed here.
            leadership.wait(SECONDS_BETWEEN_LOOKS)
    finally:
        delivering.close()
