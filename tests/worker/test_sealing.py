"""The worker seals the audit in the background, and says when it cannot."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from countersign.audit.heads import make_sealing_key
from countersign.errors import ForeignCode
from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.database.engine import transaction
from countersign.settings import settings
from countersign.worker import sealing
from countersign.worker.telling import tell_refused

logger = logging.getLogger("countersign.test")
EVENTS = text("SELECT count(*) FROM audit_event WHERE event = :event")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


def sealed_until(*states: Callable[[], bool]) -> None:
    """Run the worker's part until these states have come, one after the other."""

    async def go() -> None:
        task = asyncio.create_task(sealing.keep_sealing(logger))
        for state in states:
            await until(state)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(go())


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Path:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(tmp_path / "trust"))
    for name in ("SECONDS_BETWEEN_ROUNDS", "SECONDS_AFTER_A_FAILURE", "SECONDS_AFTER_TAMPERING"):
        monkeypatch.setattr(sealing, name, 0.02)
    settings.cache_clear()
    return tmp_path / "trust"


def append(engine: Engine) -> None:
    with transaction(engine) as session:
        audit.record(session, Event.ACCESS_REFUSED)


def count(engine: Engine, event: Event) -> int:
    with transaction(engine) as session:
        return int(session.execute(EVENTS, {"event": event.value}).scalar_one())


def test_rows_are_sealed_once_there_is_a_key(folder: Path, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    append(engine)

    def the_missing_key_was_told() -> bool:
        found = "audit-seal.key is missing" in caplog.text
        if found:
            make_sealing_key(folder)
        return found

    def the_first_was_sealed() -> bool:
        found = (folder / "audit-head").exists()
        if found:
            append(engine)
        return found

    sealed_until(
        the_missing_key_was_told, the_first_was_sealed, lambda: "\n2\n" in (folder / "audit-head").read_text()
    )


def test_a_trail_that_was_changed_is_put_on_record_once(
    folder: Path, engine: Engine, all_rights: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    append(engine)
    make_sealing_key(folder)
    sealed_until((folder / "audit-head").exists)
    with transaction(all_rights) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("audit_event", "audit_leaf", "audit_checkpoint"):
            session.execute(text(f"DELETE FROM {table}"))
    sealed_until(lambda: caplog.text.count("is not sealed any more") >= 3)
    assert "0 sealed rows, and had 1" in caplog.text
    assert count(engine, Event.TAMPERING_FOUND) == 1


def test_without_a_trust_folder_nothing_is_sealed_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COUNTERSIGN_TRUST_DIR", raising=False)
    settings.cache_clear()
    asyncio.run(sealing.keep_sealing(logger))
    assert "COUNTERSIGN_TRUST_DIR is not set" in caplog.text


def test_a_refusal_is_on_the_audit(folder: Path, engine: Engine) -> None:
    tell_refused(ForeignCode("evil.py is not installed"), worker="w1", flow_run="r1")
    assert count(engine, Event.ENTRYPOINT_REFUSED) == 1


def test_a_refusal_that_cannot_be_told_is_said_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COUNTERSIGN_DATABASE_URL", raising=False)
    settings.cache_clear()
    tell_refused(ForeignCode("evil.py is not installed"), worker="w1", flow_run="r1")
    assert "a refusal is not on the audit" in caplog.text and "r1" in caplog.text
