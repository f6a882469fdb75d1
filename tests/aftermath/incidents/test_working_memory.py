"""Incidents are read from their copy where that is good; losing Redis is harmless, and a stale copy cannot win."""

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.aftermath.incidents.working_memory import Source, change, recall, remember, working_memory
from countersign.errors import DatabaseUnavailable, NotFound
from countersign.local.postgres import EmbeddedPostgres
from countersign.memory.working import Copy, WorkingMemory
from countersign.records.database.engine import connect
from countersign.records.incidents import complete_outcome, resolve_incident
from countersign.settings import Settings
from tests.aftermath.incidents.remembered import incident, received, within


@pytest.fixture
def memory(valkey_url: str) -> WorkingMemory:
    return memory_at(valkey_url)


def memory_at(url: str) -> WorkingMemory:
    found = working_memory(Settings(redis_url=SecretStr(url)))
    assert found is not None
    return found


AWAY = "unix:///nonexistent/valkey.sock"


def opened(engine: Engine) -> str:
    found = received(engine).incident
    assert found is not None
    return found.id


def test_the_first_read_keeps_a_copy_and_the_second_one_finds_it(engine: Engine, memory: WorkingMemory) -> None:
    name = opened(engine)
    first, second = recall(engine, memory, name), recall(engine, memory, name)
    assert (first.source, second.source) == (Source.EPISODIC, Source.WORKING)
    assert first.document == second.document
    assert first.document["signals"]["alertname"] == "HighLatency"


def test_a_change_is_in_the_copy_at_once(engine: Engine, memory: WorkingMemory) -> None:
    name = opened(engine)
    change(engine, memory, name, lambda session: resolve_incident(session, name, note="restarted"))
    found = recall(engine, memory, name)
    assert (found.source, found.document["status"]) == (Source.WORKING, "resolved")


def test_a_lost_copy_is_made_again(engine: Engine, memory: WorkingMemory) -> None:
    name = opened(engine)
    recall(engine, memory, name)
    memory.forget(name)
    assert recall(engine, memory, name).source is Source.EPISODIC
    assert recall(engine, memory, name).source is Source.WORKING


def test_a_copy_from_before_a_change_that_it_missed_does_not_win(engine: Engine, memory: WorkingMemory) -> None:
    name = opened(engine)
    recall(engine, memory, name)
    within(engine, lambda session: resolve_incident(session, name, note="by a process that died before its copy"))
    found = recall(engine, memory, name)
    assert (found.source, found.document["status"]) == (Source.EPISODIC, "resolved")


def test_a_slow_reader_does_not_bring_back_what_was_before(engine: Engine, memory: WorkingMemory) -> None:
    name = opened(engine)
    old = incident(engine, name)
    change(engine, memory, name, lambda session: complete_outcome(session, name, success=True))
    assert not remember(memory, old)
    assert recall(engine, memory, name).version == old.version + 1


def test_while_redis_is_down_reads_and_writes_go_on(engine: Engine) -> None:
    away, name = memory_at(AWAY), opened(engine)
    assert change(engine, away, name, lambda session: resolve_incident(session, name, note=""))
    found = recall(engine, away, name)
    assert (found.source, found.document["status"]) == (Source.EPISODIC, "resolved")


def test_without_redis_everything_is_read_from_the_records(engine: Engine) -> None:
    name = opened(engine)
    assert working_memory(Settings()) is None
    assert recall(engine, None, name).source is Source.EPISODIC


def test_while_postgresql_is_down_the_copy_is_told_with_its_doubt(
    engine: Engine, memory: WorkingMemory, postgres: EmbeddedPostgres
) -> None:
    name = opened(engine)
    document = recall(engine, memory, name).document
    postgres.create_database("away")
    gone = connect(postgres.url("away"), timeout=5)
    gone.dispose()
    postgres.drop_database("away")
    found = recall(gone, memory, name)
    assert (found.source, found.certain, found.document) == (Source.WORKING, False, document)
    with pytest.raises(DatabaseUnavailable):
        recall(gone, memory, "INC-0")


def test_an_incident_that_does_not_exist_is_not_found_whatever_redis_holds(
    engine: Engine, memory: WorkingMemory
) -> None:
    memory.keep("INC-0", Copy(7, {"status": "open"}))
    with pytest.raises(NotFound):
        recall(engine, memory, "INC-0")
