"""The worker tells webhooks what happens: one worker at a time, the next one when that one ends."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from countersign.audit.heads import make_sealing_key
from countersign.errors import DatabaseUnavailable
from countersign.execution.plan_seal import make_seal
from countersign.records.leading import DELIVERING, Leadership
from countersign.settings import settings
from countersign.worker import delivering, sealing
from tests.records.builders import pending
from tests.webhooks.conftest import Post

logger = logging.getLogger("countersign.test")


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Engine, database_url: str) -> Post:
    """Records whose address and keys the worker's own parts are told by the settings."""
    trust = tmp_path / "trust"
    trust.mkdir()
    seal = make_seal(trust)
    make_sealing_key(trust)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(trust))
    monkeypatch.setenv("COUNTERSIGN_WEBHOOK_RETRY_SECONDS", "0.01")
    monkeypatch.setattr(sealing, "SECONDS_BETWEEN_ROUNDS", 0.02)
    monkeypatch.setattr(delivering, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setattr(delivering, "SECONDS_AFTER_A_FAILURE", 0.02)
    settings.cache_clear()
    return Post(engine, seal, trust / "audit-head")


def working_until(*states: Callable[[], bool], workers: int = 1) -> None:
    """Run the parts of so many workers until these states have come, one after the other."""

    async def go() -> None:
        parts = [sealing.keep_sealing, *[delivering.keep_delivering] * workers]
        tasks = [asyncio.create_task(part(logger)) for part in parts]
        async with asyncio.timeout(60):
            for state in states:
                while not await asyncio.to_thread(state):
                    await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    asyncio.run(go())


def test_what_happens_reaches_the_receiver_and_once_with_three_workers(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    for _ in range(5):
        pending(post.engine)
    working_until(lambda: len(post.log(webhook)) >= 5, workers=3)
    assert len(receiver.got) == len({got.id for got in receiver.got}) == 5
    receiver.close()


def test_another_one_leads_when_the_first_has_ended(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    other, refused = Leadership(post.engine, DELIVERING), 0
    assert other.lead()

    class Counting(Leadership):
        def lead(self) -> bool:
            nonlocal refused
            leads = super().lead()
            refused += not leads and post.head_file.exists()
            return leads

    monkeypatch.setattr(delivering, "Leadership", Counting)
    pending(post.engine)

    def the_other_keeps_it_from_sending() -> bool:
        if refused < 3:
            return False
        assert receiver.got == []
        other.close()
        return True

    working_until(the_other_keeps_it_from_sending, lambda: len(post.log(webhook)) == 1)
    receiver.close()


def test_without_a_trust_folder_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_TRUST_DIR", raising=False)
    settings.cache_clear()
    asyncio.run(delivering.keep_delivering(logger))


def test_a_database_that_is_away_is_said_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = 0

    def away(*_args: object, **_more: object) -> Engine:
        nonlocal tried
        tried += 1
        raise DatabaseUnavailable("nothing answers")

    monkeypatch.setattr(delivering, "connect", away)
    working_until(lambda: tried >= 3)
    assert caplog.text.count("Webhooks are told later: nothing answers") == 1
