"""Target holds: one execution per target."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine

from countersign.errors import StaleFence
from countersign.records.database.engine import transaction
from countersign.records.holds import HeldBy, acquire, held_keys, holder_of
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.queries import count_recent_executions
from countersign.records.settlement import settle
from tests.records.builders import now, owned, taken_over


def take(engine: Engine, mine: Owned, *keys: str) -> HeldBy | None:
    with transaction(engine) as session:
        return acquire(session, mine, keys)


def test_a_second_execution_is_told_who_has_the_target(engine: Engine) -> None:
    first, second = owned(engine), owned(engine)
    assert take(engine, first, "prod/Deployment/a/api") is None
    held = take(engine, second, "prod/Deployment/a/api")
    assert held is not None
    assert (held.execution_id, held.worker, held.target_key) == (first.execution_id, "w1", "prod/Deployment/a/api")


def test_either_all_targets_or_none(engine: Engine) -> None:
    first, second, third = owned(engine), owned(engine), owned(engine)
    assert take(engine, first, "b") is None
    assert take(engine, second, "a", "b", "c") is not None
    with transaction(engine) as session:
        assert held_keys(session, second.execution_id) == frozenset()
    assert take(engine, third, "a", "c") is None


def test_asking_again_for_what_one_has_is_fine(engine: Engine) -> None:
    mine = owned(engine)
    assert take(engine, mine, "a", "b") is None
    assert take(engine, mine, "b", "a", "c") is None
    with transaction(engine) as session:
        assert held_keys(session, mine.execution_id) == {"a", "b", "c"}


def test_settling_lets_go(engine: Engine) -> None:
    first, second = owned(engine), owned(engine)
    take(engine, first, "a")
    with transaction(engine) as session:
        settle(session, first, outcome=Outcome.FAILED, error="no", report={})
        assert holder_of(session, ["a"]) is None
    assert take(engine, second, "a") is None


def test_a_takeover_inherits_the_holds(engine: Engine) -> None:
    old, other = owned(engine), owned(engine)
    take(engine, old, "a")
    new = taken_over(engine, old)
    assert take(engine, new, "a") is None
    assert take(engine, other, "a") is not None
    with pytest.raises(StaleFence):
        take(engine, old, "z")


def test_many_at_once_in_any_order_are_one_holder_and_no_deadlock(engine: Engine) -> None:
    executions = [owned(engine) for _ in range(8)]
    ready = Barrier(len(executions))

    def ask(number: int) -> HeldBy | None:
        ready.wait()
        keys = [f"t{(number + step) % 4}" for step in range(4)]
        return take(engine, executions[number], *keys)

    with ThreadPoolExecutor(len(executions)) as pool:
        answers = list(pool.map(ask, range(len(executions))))
    assert answers.count(None) == 1
    winner = executions[answers.index(None)].execution_id
    assert {answer.execution_id for answer in answers if answer} == {winner}


def test_recent_executions_are_counted_per_target(engine: Engine) -> None:
    start = now() - timedelta(minutes=1)
    mine = []
    for _ in range(3):
        mine.append(owned(engine))
        take(engine, mine[-1], "a", "b")
        with transaction(engine) as session:
            settle(session, mine[-1], outcome=Outcome.SUCCESS, report={})
    with transaction(engine) as session:
        assert count_recent_executions(session, "a", start) == 3
        assert count_recent_executions(session, "a", start, except_for=mine[0].execution_id) == 2
        assert count_recent_executions(session, "a", now() + timedelta(minutes=1)) == 0
        assert count_recent_executions(session, "c", start) == 0
