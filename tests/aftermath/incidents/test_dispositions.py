"""Each execution counts once for its anomaly, whoever dies in between, and the counters can be made again."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from countersign.aftermath.incidents.anomaly import anomaly_key_of
from countersign.aftermath.incidents.disposition import counts_of, rebuild_counters
from countersign.memory.connection import open_memory
from countersign.memory.counters import Counters
from countersign.records.database.engine import transaction
from countersign.records.dispositions import dispositions_of, record_disposition
from countersign.records.outcomes import Outcome
from countersign.records.states import DispositionKind
from countersign.records.tables import Approval, Incident
from tests.records.builders import owned

KEY = "HighLatency|prod|api"
AUTO, HUMAN = DispositionKind.AUTO_APPROVED, DispositionKind.HUMAN_APPROVED


@pytest.fixture
def counters(valkey_url: str) -> Counters:
    return Counters(open_memory(SecretStr(valkey_url)))


def count(engine: Engine, counters: Counters, execution_id: UUID, kind: DispositionKind = AUTO) -> None:
    """Do what the step does in the transaction that ends it."""
    with transaction(engine) as session:
        record_disposition(session, execution_id, anomaly_key=KEY, kind=kind, outcome=Outcome.SUCCESS)
        counters.put(KEY, dispositions_of(session, KEY))


def test_executions_are_counted_by_kind_and_by_outcome(engine: Engine, counters: Counters) -> None:
    for kind in (AUTO, AUTO, HUMAN):
        count(engine, counters, owned(engine).execution_id, kind)
    assert counters.read(KEY) == {
        "auto_approved": 2,
        "auto_approved:success": 2,
        "human_approved": 1,
        "human_approved:success": 1,
    }


def test_an_execution_that_is_counted_again_counts_once(engine: Engine, counters: Counters) -> None:
    execution_id = owned(engine).execution_id
    count(engine, counters, execution_id)
    count(engine, counters, execution_id)
    assert counters.read(KEY)["auto_approved"] == 1


def test_executions_that_end_at_once_are_all_counted(engine: Engine, counters: Counters) -> None:
    executions = [owned(engine).execution_id for _ in range(8)]
    ready = Barrier(len(executions))

    def go(execution_id: UUID) -> None:
        ready.wait()
        count(engine, counters, execution_id)

    with ThreadPoolExecutor(len(executions)) as pool:
        list(pool.map(go, executions))
    assert counters.read(KEY)["auto_approved"] == 8


def test_what_redis_was_told_without_its_row_is_corrected_by_the_next(engine: Engine, counters: Counters) -> None:
    counters.put(KEY, {"auto_approved": 99})
    count(engine, counters, owned(engine).execution_id)
    assert counters.read(KEY)["auto_approved"] == 1


def test_lost_counters_are_read_from_the_records_and_kept_again(engine: Engine, counters: Counters) -> None:
    count(engine, counters, owned(engine).execution_id)
    counters.clear()
    assert counts_of(engine, counters, KEY)["auto_approved"] == 1
    assert counters.read(KEY)["auto_approved"] == 1


def test_while_redis_is_down_the_counters_are_read_from_the_records(engine: Engine, counters: Counters) -> None:
    count(engine, counters, owned(engine).execution_id)
    away = Counters(open_memory(SecretStr("unix:///nonexistent/valkey.sock")))
    assert counts_of(engine, away, KEY)["auto_approved"] == 1


def test_rebuilding_makes_every_counter_what_the_records_come_to(engine: Engine, counters: Counters) -> None:
    count(engine, counters, owned(engine).execution_id)
    counters.put(KEY, {"auto_approved": 7})
    counters.put("nobody|knows|this", {"auto_approved": 7})
    assert rebuild_counters(engine, counters) == 1
    assert counters.read(KEY) == {"auto_approved": 1, "auto_approved:success": 1}
    assert counters.read("nobody|knows|this") == {}


def test_rebuilding_while_executions_end_loses_none(engine: Engine, counters: Counters) -> None:
    executions = [owned(engine).execution_id for _ in range(6)]
    ready = Barrier(len(executions) + 1)

    def go(execution_id: UUID | None) -> None:
        ready.wait()
        if execution_id is None:
            rebuild_counters(engine, counters)
        else:
            count(engine, counters, execution_id)

    with ThreadPoolExecutor(len(executions) + 1) as pool:
        list(pool.map(go, [*executions, None]))
    assert counts_of(engine, counters, KEY)["auto_approved"] == 6


def test_a_row_is_never_changed_by_counting_again(engine: Engine, counters: Counters) -> None:
    execution_id = owned(engine).execution_id
    count(engine, counters, execution_id, HUMAN)
    count(engine, counters, execution_id, AUTO)
    with transaction(engine) as session:
        assert session.execute(text("SELECT kind FROM disposition")).scalars().all() == ["human_approved"]


@pytest.mark.parametrize(
    ("signals", "details", "target", "wanted"),
    [
        ({"alertname": "A", "namespace": "n", "deployment": "d"}, {}, {}, "A|n|d"),
        ({"alertname": "A"}, {}, {"names": ["api", "web"], "namespace": "prod"}, "A|prod|api"),
        (None, {"alertname": "A"}, {"host": "web-3"}, "A|-|web-3"),
        (None, {"labels": {"alertname": "A", "service": "s|t"}}, None, "A|-|s/t"),
        (None, {}, {"names": ["api"]}, "-|-|api"),
        (None, {}, None, None),
    ],
)
def test_an_anomaly_is_the_alert_and_what_it_is_about(
    signals: Mapping[str, str] | None, details: Mapping[str, object], target: Mapping[str, object] | None, wanted: str
) -> None:
    approval = Approval(action="", risk_level="low", requested_by="a", details=dict(details), target=target)
    incident = None if signals is None else Incident(id="INC-1", signals=dict(signals))
    assert anomaly_key_of(approval, incident) == wanted


def test_successes_are_counted_and_everything_else_apart(engine: Engine) -> None:
    with transaction(engine) as session:
        for outcome in (Outcome.SUCCESS, Outcome.FAILED, Outcome.FAILED, Outcome.BLOCKED, Outcome.NO_ACTION):
            record_disposition(session, owned(engine).execution_id, anomaly_key=KEY, kind=HUMAN, outcome=outcome)
        record_disposition(session, owned(engine).execution_id, anomaly_key=KEY, kind=AUTO, outcome=Outcome.UNKNOWN)
        assert dispositions_of(session, KEY) == {
            "auto_approved": 0,
            "auto_approved:unknown": 1,
            "human_approved": 2,
            "human_approved:blocked": 1,
            "human_approved:failed": 2,
            "human_approved:no_action": 1,
            "human_approved:success": 1,
        }
