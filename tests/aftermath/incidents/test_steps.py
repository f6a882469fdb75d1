"""The steps that remember: a case for every execution, the anomaly counted, the incident resolved."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.aftermath.knowledge.deposit import keep_case
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.incidents import open_incident, resolve_incident
from countersign.records.queries import get_execution
from countersign.records.signals import Signals
from countersign.records.states import IncidentStatus, StepName, StepStatus
from countersign.records.tables import Disposition
from tests.aftermath.following import execution_id_of, follow, ledger, run_one
from tests.aftermath.incidents.remembered import (
    AUTO,
    NOTHING,
    RESTART,
    case,
    incident,
    received,
    told,
    with_redis,
    within,
)
from tests.execution.conftest import Office
from tests.faults.waiting import until

DEPOSIT, RESOLVE = StepName.DEPOSIT_KNOWLEDGE, StepName.RESOLVE_INCIDENT


def give_verdict(office: Office, execution_id: UUID, verdict: str) -> None:
    """Say what verification found, in place of what it would find."""
    with transaction(office.services.engine) as session:
        session.execute(
            text(
                "INSERT INTO evidence_snapshot (id, execution_id, phase, verdict)"
                " VALUES (gen_random_uuid(), :id, 'after', :verdict)"
            ),
            {"id": execution_id, "verdict": verdict},
        )
        session.execute(
            text(
                "UPDATE ledger_step SET status = 'running' WHERE execution_id = :id AND name IN"
                " ('verify', 'roll_back', 'learn', 'extract_playbook')"
            ),
            {"id": execution_id},
        )
        session.execute(
            text(
                "UPDATE ledger_step SET status = 'skipped', reason = 'said by the test', ended_at = clock_timestamp()"
                " WHERE execution_id = :id AND status = 'running'"
            ),
            {"id": execution_id},
        )


def test_a_success_makes_a_case_that_tells_all_that_matters(office: Office) -> None:
    received(office.services.engine, incident_id="INC-1")
    report = office.perform(RESTART, incident_id="INC-1", description="latency is up since 12:00")
    execution = execution_id_of(report)
    give_verdict(office, execution, "effective")
    step = run_one(office, execution, DEPOSIT)
    entry = case(office.services.engine, execution)
    assert step.status is StepStatus.DONE
    assert step.result == {"knowledge_id": str(entry.id), "title": entry.title, "summary": f"Kept as: {entry.title}"}
    assert entry.title == f"Approved by people: HighLatency, Succeeded: {RESTART}"
    assert entry.tags == ["human", "success", "latency", "execution"]
    assert (entry.path_type, entry.incident_id) == ("approval_manual", "INC-1")
    for told_there in ("HighLatency", "latency", "api", RESTART, "effective", "medium", str(execution), "12:00"):
        assert told_there in entry.body


@pytest.mark.parametrize(
    ("action", "by", "path", "tags"),
    [
        (RESTART, AUTO, "approval_auto_ok", ["auto", "success", "uncategorised", "execution"]),
        (
            "kubectl rollout restart deployment/nothing-like-it -n prod",
            AUTO,
            "approval_auto_fail",
            ["auto", "blocked", "uncategorised", "execution", "execution_failed"],
        ),
        (
            "make it work again",
            "carol",
            "approval_manual",
            ["human", "parse_failure", "uncategorised", "execution", "execution_failed"],
        ),
    ],
)
def test_every_execution_makes_a_case(office: Office, action: str, by: str, path: str, tags: list[str]) -> None:
    execution = execution_id_of(office.perform(action, requested_by=by))
    give_verdict(office, execution, "unverifiable")
    assert run_one(office, execution, DEPOSIT).status is StepStatus.DONE
    entry = case(office.services.engine, execution)
    assert (entry.path_type, entry.tags) == (path, tags)


@pytest.mark.parametrize(
    "fields", [{"incident_id": "INC-1"}, {"description": "see INC-1"}, {"incident_id": "INC-1", "requested_by": AUTO}]
)
def test_a_case_is_written_again_once_the_incident_that_its_approval_names_is_opened(
    office: Office, fields: dict[str, str]
) -> None:
    engine, report = office.services.engine, office.perform(RESTART, **fields)
    follow(office, report)
    entry = case(engine, execution_id_of(report))
    assert (entry.incident_id, "HighLatency" in entry.body) == ("INC-1", False)
    received(engine, incident_id="INC-1")
    again = case(engine, execution_id_of(report))
    assert (again.id, again.incident_id, again.tags[2]) == (entry.id, "INC-1", "latency")
    assert "HighLatency" in again.title and "HighLatency" in again.body


def test_an_incident_that_is_opened_while_a_case_is_being_written_is_in_it(office: Office) -> None:
    engine, report = office.services.engine, office.perform(RESTART, incident_id="INC-1")
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            execution = get_execution(session, execution_id_of(report))
            keep_case(session, get_approval(session, execution.approval_id), execution, report)
            opening = pool.submit(received, engine, incident_id="INC-1")
            until(lambda: opening.done() or waits_for_a_lock(engine), "the incident")
        opening.result()
    assert "HighLatency" in case(engine, execution.id).title


def waits_for_a_lock(engine: Engine) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return within(engine, lambda session: session.execute(text(query)).scalar_one()) > 0


def test_a_secret_in_the_action_is_not_in_the_case(office: Office) -> None:
    action = "kubectl set env deployment/api -n prod DB_PASSWORD=hunter2"
    execution = execution_id_of(office.perform(action))
    give_verdict(office, execution, "effective")
    run_one(office, execution, DEPOSIT)
    entry = case(office.services.engine, execution)
    assert "hunter2" not in entry.title + entry.body


def test_a_success_resolves_its_incident_once(office: Office) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(RESTART, incident_id="INC-1"))
    give_verdict(office, execution, "effective")
    assert run_one(office, execution, RESOLVE).status is StepStatus.DONE
    found = incident(engine, "INC-1")
    assert (found.status, found.execution_success) == (IncidentStatus.RESOLVED, True)
    assert found.closing_note == f"Executed: {RESTART}"
    assert (found.effectiveness_score, found.learning_notes) == (5, RESTART)
    assert told(engine, "INC-1").count("incident_resolved") == 1


def test_observing_resolves_the_incident_without_claiming_a_repair(office: Office) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    report = office.perform(NOTHING, incident_id="INC-1")
    follow(office, report)
    found = incident(engine, "INC-1")
    assert (found.status, found.execution_success) == (IncidentStatus.RESOLVED, None)


def test_what_ran_before_the_alerts_fired_again_does_not_resolve_the_incident(office: Office) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(RESTART, incident_id="INC-1"))
    give_verdict(office, execution, "effective")
    within(engine, lambda session: resolve_incident(session, "INC-1", note="by hand"))
    later = datetime.now(UTC) + timedelta(hours=1)
    firing = Signals(title="api answers slowly", firing_since=later)
    assert within(engine, lambda s: open_incident(s, firing, now=later, incident_id="INC-1")).reopened
    step = run_one(office, execution, RESOLVE)
    assert (step.status, step.reason) == (StepStatus.SKIPPED, "Its alerts fired again afterwards.")
    found = incident(engine, "INC-1")
    assert (found.status, found.execution_success) == (IncidentStatus.OPEN, None)


@pytest.mark.parametrize("verdict", ["worse", "ineffective"])
def test_what_did_not_help_leaves_the_incident_open(office: Office, verdict: str) -> None:
    received(office.services.engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(RESTART, incident_id="INC-1"))
    give_verdict(office, execution, verdict)
    step = run_one(office, execution, RESOLVE)
    assert (step.status, step.reason) == (StepStatus.SKIPPED, f"It did not help: {verdict}.")
    assert incident(office.services.engine, "INC-1").status is IncidentStatus.OPEN


@pytest.mark.parametrize(
    ("action", "incident_id", "reason"),
    [
        (RESTART, None, "The approval names no incident."),
        (RESTART, "INC-0", "Incident INC-0 is not on record."),
        ("make it work again", "INC-1", "Not a success: Not understood."),
    ],
)
def test_there_is_a_reason_where_nothing_is_resolved(
    office: Office, action: str, incident_id: str | None, reason: str
) -> None:
    received(office.services.engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(action, incident_id=incident_id))
    give_verdict(office, execution, "effective")
    step = run_one(office, execution, RESOLVE)
    assert (step.status, step.reason) == (StepStatus.SKIPPED, reason)


def test_the_anomaly_is_counted_on_record_also_without_redis(office: Office) -> None:
    received(office.services.engine, incident_id="INC-1")
    execution = execution_id_of(office.perform(RESTART, incident_id="INC-1"))
    step = run_one(office, execution, StepName.RECORD_DISPOSITION)
    assert step.status is StepStatus.DONE
    row = within(office.services.engine, lambda session: session.get_one(Disposition, execution))
    assert (row.anomaly_key, row.kind, row.outcome) == ("HighLatency|prod|api", "human_approved", "success")


def test_while_redis_is_down_it_is_not_counted_and_afterwards_once(office: Office, valkey_url: str) -> None:
    execution = execution_id_of(office.perform(RESTART))
    step = run_one(with_redis(office, "unix:///nonexistent/valkey.sock"), execution, StepName.RECORD_DISPOSITION)
    assert step.status is StepStatus.PENDING
    assert "Redis does not answer" in (step.error or "")
    back = with_redis(office, valkey_url)
    follow_until_counted(back, execution)
    row = ledger(back, execution)[StepName.RECORD_DISPOSITION]
    assert (row.result or {})["counts"] == {"human_approved": 1, "human_approved:success": 1}


def follow_until_counted(office: Office, execution: UUID) -> None:
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'pending'"))
    run_one(office, execution, StepName.RECORD_DISPOSITION)
