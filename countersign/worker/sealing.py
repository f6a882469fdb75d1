"""The audit's sealer as a part of the worker: what is committed is sealed within a second or so.

Every worker tries; the database lets one of them seal at a time.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from logging import Logger, LoggerAdapter
from typing import Any

from countersign.audit.announcing import Announcing, to_webhook
from countersign.audit.heads import head_path, sealer_of, sealer_of_head
from countersign.audit.sealing import Sealing
from countersign.errors import CountersignError, DeliveryFailed, Tampered
from countersign.records import audit
from countersign.records.database.engine import connect, transaction
from countersign.settings import Settings, settings
from countersign.worker import head_channel

SECONDS_BETWEEN_ROUNDS = 1.0
SECONDS_AFTER_A_FAILURE = 10.0
SECONDS_AFTER_TAMPERING = 60.0
"""Nothing is sealed until a person has looked; it is said again each time."""


async def keep_sealing(logger: "Logger | LoggerAdapter[Any]") -> None:
    """Seal until cancelled. Without a trust folder nothing is sealed, and that is said once."""
    if settings().trust_dir is None:
        logger.warning("COUNTERSIGN_TRUST_DIR is not set, so the audit is not sealed: rows are chained, and no more.")
        return
    announced = announcing_of(settings())
    sealing: Sealing | None = None
    said = ""
    try:
        while True:
            pause = SECONDS_BETWEEN_ROUNDS
            try:
                if sealing is None:
                    sealing = await asyncio.to_thread(_opened)
                await asyncio.to_thread(_round, sealing, announced)
                said = ""
            except Tampered as error:
                logger.critical("The audit is not sealed any more: %s %s", error.message, error.hint or "")
                if error.message != said and sealing is not None:
                    await asyncio.to_thread(_tell, sealing, error)
                said, pause = error.message, SECONDS_AFTER_TAMPERING
            except DeliveryFailed as error:
                logger.warning("The audit is sealed, and its head was not told: %s", error.message)
            except CountersignError as error:
                if error.message != said:
                    logger.warning("The audit's sealer tries again later: %s", error.message)
                said, pause = error.message, SECONDS_AFTER_A_FAILURE
            await asyncio.sleep(pause)
    finally:
        if sealing is not None:
            sealing.engine.dispose()


def announcing_of(found: Settings) -> tuple[Announcing, ...]:
    """Return who is told of the newest head."""
    webhook, channel = found.audit_head_webhook, found.audit_head_channel
    told = [] if webhook is None else [Announcing(to_webhook(webhook))]
    if channel is not None:
        send = head_channel.to_channel(channel)
        told.append(Announcing(send, seconds_between=head_channel.SECONDS_BETWEEN))
    return tuple(told)


def _round(sealing: Sealing, announced: Sequence[Announcing]) -> None:
    done = sealing.round()
    if done is None or done.note is None:
        return
    failed: DeliveryFailed | None = None
    for each in announced:
        try:
            each.tell(done.note)
        except DeliveryFailed as error:
            failed = error
    if failed is not None:
        raise failed


def _opened() -> Sealing:
    found = settings()
    engine = connect(found.database_url, timeout=found.database_timeout_seconds)
    return Sealing(engine, sealer_of(found), head_path(found), reread=partial(sealer_of_head, found))


def _tell(sealing: Sealing, error: Tampered) -> None:
    with transaction(sealing.engine) as session:
        audit.record(session, audit.Event.TAMPERING_FOUND, details={"found": [error.message]})
