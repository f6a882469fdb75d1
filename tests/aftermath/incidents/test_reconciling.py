"""What a dead worker left behind after an execution is found by a round, and a second round finds nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from countersign.aftermath.reconciliation import (
    bury_dead_steps,
    finalise_repairs,
    open_steps,
    replay_letters_due,
    resolve_stuck_incidents,
    run_due_steps,
)
from countersign.errors import MemoryUnavailable
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters
from countersign.records.incidents import open_incident
from countersign.records.states import IncidentStatus, StepName, StepStatus
from tests.aftermath.following import execution_id_of, follow, ledger, run_one
from tests.aftermath.incidents.remembered import AUTO, NOTHING, RESTART, incident, received, told, within
from tests.aftermath.incidents.test_incidents import FIRING
from tests.aftermath.incidents.test_steps import give_verdict
from tests.aftermath.step_runner.place import end_leases
from tests.execution.conftest import Office


def sql(office: Office, statement: str) -> None:
    with transaction(office.services.engine) as session:
        session.execute(text(statement))


def left_open(office: Office) -> None:
    """Let what was executed be old enough for a round to look at."""
    with transaction(office.services.engine) as session:
        # A settled row stays as it is, except for this.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE execution SET settled_at = settled_at - interval '1 hour'"))


def test_steps_that_nobody_runs_are_found_and_run(office: Office) -> None:
    report = office.perform(NOTHING)
    assert open_steps(office.services) == []
    (found,) = run_due_steps(office.services, runner="r1", older_than_seconds=0)
    assert found.subject == report.execution_id
    assert {row.status for row in ledger(office, execution_id_of(report)).values()} <= {
        StepStatus.DONE,
        StepStatus.SKIPPED,
    }
    assert run_due_steps(office.services, runner="r1", older_than_seconds=0) == []


def test_a_start_for_the_same_steps_has_the_same_key(office: Office) -> None:
    office.perform(NOTHING)
    first, second = (open_steps(office.services, older_than_seconds=0)[0].key for _ in range(2))
    assert first == second
    sql(office, "UPDATE ledger_step SET due_at = due_at - interval '10 minutes'")
    assert open_steps(office.services, older_than_seconds=0)[0].key != first


def test_two_rounds_at_once_do_every_step_once(office: Office) -> None:
    reports = [office.perform(NOTHING) for _ in range(3)]
    together = Barrier(2)

    def go(number: int) -> None:
        together.wait()
        run_due_steps(office.services, runner=f"r{number}", older_than_seconds=0)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, range(2)))
    for report in reports:
        rows = ledger(office, execution_id_of(report)).values()
        assert {row.attempts for row in rows} == {1}


def test_a_step_whose_runners_all_died_becomes_a_letter_with_what_it_was_about(office: Office) -> None:
    report = office.perform(NOTHING, incident_id="INC-1")
    sql(office, "UPDATE ledger_step SET status = 'running', attempts = max_attempts")
    end_leases(office.services.engine)
    found = bury_dead_steps(office.services)
    assert len(found) == len(StepName)
    assert bury_dead_steps(office.services) == []
    with transaction(office.services.engine) as session:
        letter = open_letters(session)[0]
    assert letter.payload == {
        "approval_id": report.approval_id,
        "action": NOTHING,
        "outcome": "no_action",
        "incident_id": "INC-1",
    }


@pytest.mark.all_rights
def test_a_letter_whose_time_has_come_is_tried_again(office: Office) -> None:
    execution = execution_id_of(office.perform(NOTHING))
    sql(office, "UPDATE ledger_step SET max_attempts = 1")
    away = office.with_settings(redis_url=None)
    sql(office, "UPDATE ledger_step SET status = 'running', attempts = 1 WHERE name = 'record_disposition'")
    end_leases(office.services.engine)
    bury_dead_steps(away.services)
    assert replay_letters_due(office.services) == []
    sql(office, "UPDATE dead_letter SET next_replay_at = clock_timestamp()")
    (found,) = replay_letters_due(office.services)
    assert (found.subject, found.done) == (str(execution), "Tried again: record the disposition.")
    assert replay_letters_due(office.services) == []
    assert run_one(office, execution, StepName.RECORD_DISPOSITION).status is not StepStatus.DEAD


def test_an_auto_approved_execution_is_finalised_once_its_incident_appears(office: Office) -> None:
    engine = office.services.engine
    report = office.perform(RESTART, requested_by=AUTO, incident_id="INC-1")
    follow(office, report)
    assert finalise_repairs(office.services) == []
    received(engine, incident_id="INC-1")
    (found,) = finalise_repairs(office.services)
    assert (found.subject, found.failed) == (report.approval_id, False)
    assert incident(engine, "INC-1").status is IncidentStatus.RESOLVED
    assert finalise_repairs(office.services) == []


def test_a_repair_whose_steps_are_still_to_be_done_waits_for_them(office: Office) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(RESTART, requested_by=AUTO, incident_id="INC-1"))
    sql(office, f"INSERT INTO auto_repair (execution_id, incident_id) VALUES ('{execution}', 'INC-1')")
    assert finalise_repairs(office.services) == []
    assert ledger(office, execution)[StepName.VERIFY].status is StepStatus.PENDING


def stuck(office: Office, *, verdict: str = "effective") -> None:
    """Execute for an incident that is not on record yet, so that its own step could not resolve it."""
    report = office.perform(RESTART, incident_id="INC-1")
    give_verdict(office, execution_id_of(report), verdict)
    follow(office, report)
    received(office.services.engine, incident_id="INC-1")
    left_open(office)


@pytest.mark.all_rights
def test_an_incident_that_was_left_open_is_resolved_once(office: Office) -> None:
    stuck(office)
    together = Barrier(4)

    def go(_number: int) -> None:
        together.wait()
        resolve_stuck_incidents(office.services)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go, range(4)))
    assert incident(office.services.engine, "INC-1").status is IncidentStatus.RESOLVED
    assert told(office.services.engine, "INC-1").count("incident_resolved") == 1
    assert resolve_stuck_incidents(office.services) == []


@pytest.mark.parametrize("verdict", ["worse", "ineffective"])
@pytest.mark.all_rights
def test_an_incident_that_was_not_helped_is_left_open(office: Office, verdict: str) -> None:
    stuck(office, verdict=verdict)
    assert resolve_stuck_incidents(office.services) == []


@pytest.mark.all_rights
def test_an_incident_whose_steps_are_still_to_be_done_is_left_to_them(office: Office) -> None:
    office.perform(RESTART, incident_id="INC-1")
    received(office.services.engine, incident_id="INC-1")
    left_open(office)
    assert resolve_stuck_incidents(office.services) == []


@pytest.mark.all_rights
def test_an_incident_that_fires_again_is_not_resolved_by_what_was_executed_before(office: Office) -> None:
    stuck(office)
    assert len(resolve_stuck_incidents(office.services)) == 1
    later = datetime.now(UTC) + timedelta(hours=1)
    again = within(
        office.services.engine, lambda session: open_incident(session, FIRING, now=later, incident_id="INC-1")
    )
    assert again.reopened
    assert resolve_stuck_incidents(office.services) == []


@pytest.mark.all_rights
def test_one_that_cannot_be_dealt_with_does_not_keep_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck(office)

    def broken(*_given: object) -> None:
        raise MemoryUnavailable("Redis does not answer")

    monkeypatch.setattr("countersign.aftermath.reconciliation.settle_incident", broken)
    (found,) = resolve_stuck_incidents(office.services)
    assert (found.failed, found.done) == (True, "Not done yet: Redis does not answer")
