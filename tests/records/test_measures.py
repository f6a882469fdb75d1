"""What the records say about themselves: each number is right, none where nothing is, and a count has an end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.metrics import records as metric
from countersign.metrics.family import DECLARED, Read
from countersign.records import measures
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.measures import Measures, measured
from countersign.records.resolutions import count_resolution
from countersign.records.states import ResolutionResult

pytestmark = pytest.mark.all_rights
LONG_AGO = timedelta(hours=1)


def measure(engine: Engine) -> Measures:
    with transaction(engine) as session:
        return measured(session)


def plain(found: Measures, family: Read) -> float:
    return found[family][()]


def do(engine: Engine, statement: str, **values: Any) -> None:
    """Make a state that takes its time: triggers and foreign keys are for those who have it."""
    with transaction(engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(statement), values)


APPROVAL = """
    INSERT INTO approval (id, action, risk_level, requested_by, required_signatures, status, start, waiting_until,
                          waiting_reason, expires_at, created_at, updated_at)
    SELECT gen_random_uuid(), 'a', 'low', 'carol', 1, :status, :start, :waiting_until,
           CASE WHEN CAST(:waiting_until AS timestamptz) IS NOT NULL THEN 'frozen' END, :expires_at,
           clock_timestamp() - interval '1 hour', clock_timestamp() - interval '10 minutes'
    FROM generate_series(1, :count)
"""


def approvals(engine: Engine, status: str, count: int, *, start: str = "when_approved", **more: datetime) -> None:
    known = {"waiting_until": None, "expires_at": None, **more}
    do(engine, APPROVAL, status=status, count=count, start=start, **known)


def execution(engine: Engine, **columns: str) -> None:
    known = {
        "lease_until": "clock_timestamp() + interval '1 hour'",
        "outcome": "NULL",
        "settled_at": "NULL",
        **columns,
    }
    values = f"{known['lease_until']}, {known['outcome']}, {known['settled_at']}"
    do(
        engine,
        "INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until, outcome, settled_at)"
        f" VALUES (gen_random_uuid(), gen_random_uuid(), false, 1, 'w', {values})",
    )


def test_everything_that_is_declared_is_measured(engine: Engine) -> None:
    declared = {family for family in DECLARED if isinstance(family, Read)} - {metric.UP}
    found = measure(engine)
    assert declared - set(found) == {metric.RECONCILED}, "no round has been yet"
    assert {family: values for family, values in found.items() if any(values.values())} == {}


def test_approvals_by_status_and_the_oldest_that_lacks_signatures(engine: Engine) -> None:
    approvals(engine, "pending", 2)
    approvals(engine, "executed", 3)
    found = measure(engine)
    assert found[metric.APPROVALS] == {("pending",): 2, ("approved",): 0, ("executing",): 0}
    assert 3600 <= plain(found, metric.OLDEST_PENDING) < 3700


def test_the_queue_is_what_is_due(engine: Engine) -> None:
    with transaction(engine) as session:
        now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    approvals(engine, "approved", 2)
    approvals(engine, "approved", 1, start="by_hand")
    approvals(engine, "approved", 1, waiting_until=now + LONG_AGO)
    approvals(engine, "approved", 1, expires_at=now - LONG_AGO)
    found = measure(engine)
    assert found[metric.APPROVALS][("approved",)] == 5
    assert plain(found, metric.DUE) == 2
    assert 600 <= plain(found, metric.OLDEST_DUE) < 700


def test_executions_whose_owner_is_silent_and_those_that_nobody_knows_of(engine: Engine) -> None:
    execution(engine)
    execution(engine, lease_until="clock_timestamp() - interval '1 minute'")
    execution(engine, lease_until="clock_timestamp() - interval '5 minutes'")
    execution(engine, outcome="'unknown'", settled_at="clock_timestamp()")
    found = measure(engine)
    assert (plain(found, metric.SILENT), plain(found, metric.UNKNOWN)) == (1, 1)


def test_steps_that_may_begin_and_dead_letters(engine: Engine) -> None:
    do(
        engine,
        """
        INSERT INTO ledger_step
            (id, execution_id, name, position, after, status, fence, attempts, max_attempts, due_at)
        VALUES (gen_random_uuid(), :one, 'verify', 1, '{}', 'pending', 0, 0, 5, clock_timestamp() - interval '1 min'),
               (gen_random_uuid(), :one, 'learn', 2, '{verify}', 'pending', 0, 0, 5,
                clock_timestamp() - interval '1 hour'),
               (gen_random_uuid(), :one, 'notify', 3, '{}', 'running', 1, 1, 5, clock_timestamp() + interval '1 min')
        """,
        one="0193d1c2-8a4e-7c31-9f7e-2b8f5c1d0e42",
    )
    do(
        engine,
        """
        INSERT INTO dead_letter (id, step_id, execution_id, name, error, replays, next_replay_at,
                                 resolved_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'notify', 'e', 0, NULL, NULL),
               (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'notify', 'e', 0, clock_timestamp(), NULL),
               (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'notify', 'e', 0, clock_timestamp(), NULL),
               (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'notify', 'e', 0, NULL, clock_timestamp())
        """,
    )
    found = measure(engine)
    assert plain(found, metric.STEPS_DUE) == 1, "learn waits for verify, and notify has a runner"
    assert 60 <= plain(found, metric.OLDEST_STEP) < 120
    assert found[metric.DEAD_LETTERS] == {("by_itself",): 2, ("by_hand",): 1}


def test_the_switch_and_the_audit_that_tells_of_it(engine: Engine) -> None:
    with transaction(engine) as session:
        set_kill_switch(session, True, by="ann", reason="trial")
    found = measure(engine)
    assert (plain(found, metric.KILL_SWITCH), plain(found, metric.UNSEALED)) == (1, 1)
    do(engine, "UPDATE audit_event SET at = at - interval '1 hour'")
    assert 3600 <= plain(measure(engine), metric.OLDEST_UNSEALED) < 3700


def test_rounds_and_resolutions(engine: Engine) -> None:
    with transaction(engine) as session:
        count_resolution(session, ResolutionResult.MISS)
    do(
        engine,
        "INSERT INTO reconciliation_part (part, looked_at, found, failed, found_total)"
        " VALUES ('steps', clock_timestamp() - interval '2 min', 1, 0, 7),"
        " ('leases', clock_timestamp() - interval '1 min', 0, 0, 0)",
    )
    found = measure(engine)
    assert found[metric.RESOLUTIONS] == {("hit",): 0, ("suggestion",): 0, ("miss",): 1, ("error",): 0}
    assert found[metric.FOUND] == {("leases",): 0, ("steps",): 7}
    assert 60 <= plain(found, metric.RECONCILED) < 120


def test_a_count_has_an_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MOST", 3)
    approvals(engine, "pending", 5)
    approvals(engine, "approved", 5)
    found = measure(engine)
    assert found[metric.APPROVALS][("pending",)] == 3
    assert plain(found, metric.DUE) == 3


def test_nothing_is_locked_and_nothing_waits(engine: Engine) -> None:
    with engine.connect() as other:
        other.execute(text("SELECT * FROM control FOR UPDATE"))
        assert plain(measure(engine), metric.KILL_SWITCH) == 0
        other.rollback()


def test_a_statement_that_takes_long_is_given_up(engine: Engine) -> None:
    with transaction(engine) as session:
        measured(session)
        assert session.execute(text("SHOW statement_timeout")).scalar_one() == "4s"
    with Session(engine) as session:
        assert session.execute(text("SHOW statement_timeout")).scalar_one() == "0"
