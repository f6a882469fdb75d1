"""The one function that runs a step: within its time, never two at once, and whatever goes wrong is on record."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.aftermath import step_lease
from countersign.aftermath.knowledge.deposit import deposit_knowledge
from countersign.aftermath.step_runner import run_step, run_steps
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import DatabaseUnavailable, MemoryUnavailable
from countersign.local.valkey import EmbeddedValkey
from countersign.memory.connection import asking, open_memory
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters, replay_letters
from countersign.records.knowledge import entry_of
from countersign.records.ledger import NewStep, TakenStep, keep_step, require_step
from countersign.records.states import StepName, StepStatus
from tests.aftermath.step_runner.place import (
    FIRST,
    SECOND,
    THIRD,
    end_leases,
    executed,
    let,
    remembering,
    row,
    rows,
    services,
)
from tests.faults.waiting import until


def test_two_runners_at_once_run_it_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[StepName] = []
    let(monkeypatch, FIRST, remembering(done))
    execution_id, together, given = executed(engine), Barrier(6), services(engine)

    def go(number: int) -> StepStatus | None:
        together.wait()
        return run_step(given, execution_id, FIRST, runner=f"r{number}")

    with ThreadPoolExecutor(6) as pool:
        ends = [end for end in pool.map(go, range(6)) if end is not None]
    assert (ends, done) == ([StepStatus.DONE], [FIRST])


def test_steps_run_after_those_that_they_wait_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[StepName] = []
    for name in (FIRST, SECOND, THIRD):
        let(monkeypatch, name, remembering(done))
    execution_id = executed(
        engine, NewStep(FIRST, 1, after=(SECOND,)), NewStep(SECOND, 2, after=(THIRD,)), NewStep(THIRD, 3)
    )
    run_steps(services(engine), execution_id, runner="r1")
    assert done == [THIRD, SECOND, FIRST]


def test_a_step_sees_what_those_before_it_came_to(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    let(monkeypatch, FIRST, lambda _subject: Done({"verdict": "effective"}))
    let(monkeypatch, SECOND, lambda _subject: Skipped("nothing to do"))

    def look(subject: Subject) -> StepEnd:
        seen.extend([subject.result_of(FIRST), subject.result_of(SECOND), subject.result_of(StepName.LEARN)])
        return Done()

    let(monkeypatch, THIRD, look)
    execution_id = executed(engine, NewStep(FIRST, 1), NewStep(SECOND, 2), NewStep(THIRD, 3, after=(FIRST, SECOND)))
    run_steps(services(engine), execution_id, runner="r1")
    assert seen == [{"verdict": "effective"}, None, None]


def test_a_step_that_takes_too_long_has_failed_and_its_late_end_is_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = Event()

    def slow(_subject: Subject) -> StepEnd:
        may_end.wait(60)
        return Done({"late": True})

    let(monkeypatch, FIRST, slow, limit=0.05)
    execution_id = executed(engine)
    assert run_step(services(engine), execution_id, FIRST, runner="r1") is StepStatus.PENDING
    may_end.set()
    found = row(engine, execution_id)
    assert (found.status, found.result) == (StepStatus.PENDING, None)
    assert found.error is not None
    assert "did not end within 0.05 s" in found.error


def test_a_runner_that_lost_its_step_puts_nothing_on_record(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id, given = executed(engine), services(engine)
    begun, may_end = Event(), Event()

    def go(subject: Subject) -> StepEnd:
        if subject.step.attempt == 1:
            begun.set()
            assert may_end.wait(60)

        def write(session: Session) -> dict[str, int]:
            session.execute(text("INSERT INTO auto_repair (execution_id) VALUES (:id)"), {"id": execution_id})
            return {"attempt": subject.step.attempt}

        return Done(write=write)

    let(monkeypatch, FIRST, go)
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(run_step, given, execution_id, FIRST, runner="silent")
        assert begun.wait(60)
        end_leases(engine)
        assert run_step(given, execution_id, FIRST, runner="second") is StepStatus.DONE
        may_end.set()
        # Its write meets the other's row, or its fence is refused: in neither case is anything of it kept.
        assert silent.result(60) is None
    found = row(engine, execution_id)
    assert (found.result, found.runner) == ({"attempt": 2}, "second")


def test_a_step_that_outlasts_its_lease_stays_its_runners(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_lease, "SHORTEST_LEASE_SECONDS", 3.0)
    execution_id, given = executed(engine), services(engine, lease_seconds=3.0)
    begun, may_end = Event(), Event()
    done: list[int] = []

    def go(subject: Subject) -> StepEnd:
        begun.set()
        assert may_end.wait(60)
        done.append(subject.step.attempt)
        return Done()

    let(monkeypatch, FIRST, go)
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(run_step, given, execution_id, FIRST, runner="long")
        assert begun.wait(60)
        first_end = row(engine, execution_id).due_at
        until(lambda: datetime.now(UTC) > first_end + timedelta(seconds=0.5), "the first lease is long over")
        assert run_step(given, execution_id, FIRST, runner="second") is None
        may_end.set()
        assert long.result(60) is StepStatus.DONE
    assert (done, row(engine, execution_id).runner) == ([1], "long")


def test_an_outage_is_no_loss_of_a_step_that_nobody_took(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_lease, "SHORTEST_LEASE_SECONDS", 0.3)
    monkeypatch.setattr(step_lease, "AGAIN_SECONDS", 0.01)
    execution_id, given = executed(engine), services(engine, lease_seconds=0.3)
    tries: list[str] = []

    def away(session: Session, step: TakenStep, lease: float) -> None:
        tries.append(step.name)
        if len(tries) < 20:
            raise DatabaseUnavailable("nothing answers")
        keep_step(session, step, lease)

    monkeypatch.setattr(step_lease, "keep_step", away)

    def go(subject: Subject) -> StepEnd:
        until(lambda: len(tries) > 20, "the lease was renewed after the outage")
        with transaction(engine) as session:
            require_step(session, subject.step)
        return Done()

    let(monkeypatch, FIRST, go)
    assert run_step(given, execution_id, FIRST, runner="r1") is StepStatus.DONE


def test_a_runner_that_hears_that_it_lost_its_step_waits_for_it_no_longer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_lease, "SHORTEST_LEASE_SECONDS", 0.3)
    execution_id, given = executed(engine), services(engine, lease_seconds=0.3)
    begun, may_end = Event(), Event()

    def go(subject: Subject) -> StepEnd:
        if subject.step.attempt == 1:
            begun.set()
            assert may_end.wait(60)
        return Done()

    let(monkeypatch, FIRST, go)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(run_step, given, execution_id, FIRST, runner="lost")
        assert begun.wait(60)

        def second_has_it() -> bool:
            end_leases(engine)
            return run_step(given, execution_id, FIRST, runner="second") is StepStatus.DONE

        until(second_has_it, "the second runner has the step")
        try:
            assert lost.result(60) is None
        finally:
            may_end.set()
    assert row(engine, execution_id).runner == "second"


def test_it_is_tried_again_with_growing_pauses_and_is_a_dead_letter_in_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_subject: Subject) -> StepEnd:
        raise MemoryUnavailable("Redis does not answer")

    let(monkeypatch, FIRST, broken)
    execution_id, given = executed(engine, NewStep(FIRST, 1, max_attempts=3)), services(engine, step_retry_seconds=10)
    pauses = []
    for _ in range(2):
        assert run_step(given, execution_id, FIRST, runner="r1") is StepStatus.PENDING
        found = row(engine, execution_id)
        assert found.started_at is not None
        pauses.append(round((found.due_at - found.started_at).total_seconds(), -1))
        assert run_step(given, execution_id, FIRST, runner="r1") is None
        end_leases(engine)
    assert pauses == [10, 20]
    assert run_step(given, execution_id, FIRST, runner="r1") is StepStatus.DEAD
    with transaction(engine) as session:
        (letter,) = open_letters(session)
    assert letter.error == "memory_unavailable: Redis does not answer"
    assert letter.payload["outcome"] == "success"
    assert letter.payload["action"].startswith("kubectl rollout restart")


def test_a_replayed_step_is_done_and_its_letter_put_away(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    works: list[bool] = []

    def sometimes(_subject: Subject) -> StepEnd:
        if not works:
            raise MemoryUnavailable
        return Done()

    let(monkeypatch, FIRST, sometimes)
    execution_id, given = executed(engine, NewStep(FIRST, 1, max_attempts=1)), services(engine)
    assert run_step(given, execution_id, FIRST, runner="r1") is StepStatus.DEAD
    works.append(True)
    with transaction(engine) as session:
        replay_letters(session, [letter.id for letter in open_letters(session)])
    assert run_step(given, execution_id, FIRST, runner="r1") is StepStatus.DONE
    with transaction(engine) as session:
        assert open_letters(session) == []


def test_a_fault_in_a_step_tells_its_kind_and_not_its_text(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_subject: Subject) -> StepEnd:
        raise KeyError("DB_PASSWORD=hunter2")

    let(monkeypatch, FIRST, broken)
    execution_id = executed(engine)
    assert run_step(services(engine), execution_id, FIRST, runner="r1") is StepStatus.PENDING
    assert row(engine, execution_id).error == "internal: KeyError stopped the step unexpectedly."


def test_one_broken_step_does_not_hold_up_the_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_subject: Subject) -> StepEnd:
        raise ValueError

    done: list[StepName] = []
    let(monkeypatch, FIRST, broken)
    let(monkeypatch, SECOND, remembering(done))
    let(monkeypatch, THIRD, remembering(done))
    execution_id = executed(
        engine, NewStep(FIRST, 1, max_attempts=1), NewStep(SECOND, 2), NewStep(THIRD, 3, after=(FIRST,))
    )
    run_steps(services(engine), execution_id, runner="r1")
    assert {name: found.status for name, found in rows(engine, execution_id).items()} == {
        FIRST: StepStatus.DEAD,
        SECOND: StepStatus.DONE,
        THIRD: StepStatus.DONE,
    }


@pytest.mark.all_rights
def test_a_locked_table_is_a_reason_and_afterwards_it_is_done_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = StepName.DEPOSIT_KNOWLEDGE
    let(monkeypatch, name, deposit_knowledge)
    execution_id, given = executed(engine, NewStep(name, 1)), services(engine)
    with engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE knowledge_entry IN ACCESS EXCLUSIVE MODE"))
        assert run_step(given, execution_id, name, runner="r1") is StepStatus.PENDING
    assert "kept a row locked" in (row(engine, execution_id, name).error or "")
    end_leases(engine)
    assert run_step(given, execution_id, name, runner="r1") is StepStatus.DONE
    assert run_step(given, execution_id, name, runner="r1") is None
    with transaction(engine) as session:
        assert entry_of(session, execution_id) is not None


def test_redis_down_is_a_reason_and_afterwards_it_is_done_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, valkey: EmbeddedValkey, valkey_url: str
) -> None:
    def count(subject: Subject) -> StepEnd:
        client = open_memory(subject.services.settings.redis_url)
        with asking():
            client.sadd("done", str(subject.execution_id))
            client.expire("done", 60)
        return Done()

    let(monkeypatch, FIRST, count)
    execution_id = executed(engine)
    away = services(engine, redis_url=SecretStr("unix:///nonexistent/valkey.sock"))
    assert run_step(away, execution_id, FIRST, runner="r1") is StepStatus.PENDING
    assert (row(engine, execution_id).error or "").startswith("memory_unavailable: Redis does not answer")
    end_leases(engine)
    back = services(engine, redis_url=SecretStr(valkey_url))
    assert run_step(back, execution_id, FIRST, runner="r1") is StepStatus.DONE
    assert open_memory(SecretStr(valkey.url)).scard("done") == 1
