"""What the database itself refuses, whoever asks."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.holds import acquire
from countersign.records.journal import record_intent
from countersign.records.operation_log import open_log
from countersign.records.outcomes import Outcome
from countersign.records.plans import store_plan
from countersign.records.settlement import settle
from tests.records.builders import owned, pending, unsealed

pytestmark = pytest.mark.all_rights


def run(engine: Engine, statement: str) -> None:
    with transaction(engine) as session:
        session.execute(text(statement))


def refused(engine: Engine, statement: str, because: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        run(engine, statement)
    assert isinstance(caught.value, IntegrityError)
    assert because in str(caught.value.orig)


@pytest.fixture
def history(engine: Engine) -> Engine:
    """One execution with a row in every append-only table."""
    mine = owned(engine)
    with transaction(engine) as session:
        store_plan(session, mine, plan={"a": 1}, plan_hash="h", plan_mac="m")
        acquire(session, mine, ["t"])
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
        open_log(session, mine.execution_id, actor="w")
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
        set_kill_switch(session, False, by="x", reason="y")
        session.execute(
            text(
                "INSERT INTO host_gateway_audit"
                " (session_id, agent, agent_role, project, host, tool, purpose, decision, allowed)"
                " VALUES ('s', 'a', 'r', 'p', 'h', 't', 'plan', 'allowed', true)"
            )
        )
    return engine


APPEND_ONLY = ["journal_entry", "timeline_event", "signature", "control_change", "host_gateway_audit"]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_happened_cannot_be_edited(history: Engine, table: str) -> None:
    column = {"journal_entry": "step", "timeline_event": "title", "signature": "value"}.get(table)
    column = column or ("reason" if table == "control_change" else "host")
    refused(history, f"UPDATE {table} SET {column} = 'forged'", "append-only")
    refused(history, f"DELETE FROM {table}", "append-only")
    refused(history, f"TRUNCATE {table}", "append-only")


@pytest.mark.parametrize("table", ["execution", "automation_operation_log", "control", "approval"])
def test_records_cannot_be_deleted(history: Engine, table: str) -> None:
    refused(history, f"DELETE FROM {table}", "append-only")


def test_a_closed_operation_log_stays_closed(history: Engine) -> None:
    refused(history, "UPDATE automation_operation_log SET error = 'x'", "is closed as success")
    refused(history, "UPDATE automation_operation_log SET status = 'pending', closed_at = NULL", "is closed")


def test_an_open_operation_log_can_only_be_closed(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        open_log(session, mine.execution_id, actor="w")
    refused(engine, "UPDATE automation_operation_log SET actor = 'other'", "can only be closed")


@pytest.mark.parametrize("change", ["outcome = 'failed'", "report = '{\"a\": 1}'", "fence = 9", "settled_at = now()"])
def test_a_settled_execution_stays_as_it_is(history: Engine, change: str) -> None:
    refused(history, f"UPDATE execution SET {change}", "is settled as success")


def test_an_unknown_outcome_can_be_found_out_later(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.UNKNOWN, error="?", report={})
    refused(engine, "UPDATE execution SET outcome = 'cancelled'", "is settled as unknown")
    run(engine, "UPDATE execution SET outcome = 'success'")
    refused(engine, "UPDATE execution SET outcome = 'failed'", "is settled as success")


def test_the_fence_never_falls_and_the_plan_stays_once_something_left(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        store_plan(session, mine, plan={"a": 1}, plan_hash="h", plan_mac="m")
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
    run(engine, "UPDATE execution SET fence = 5")
    refused(engine, "UPDATE execution SET fence = 4", "fence cannot fall")
    refused(engine, "UPDATE execution SET plan = '{}'", "has its plan")
    refused(engine, "UPDATE execution SET dry_run = true", "about one approval")


def test_an_approval_has_one_execution_with_an_effect(engine: Engine) -> None:
    owned(engine)
    copy = """
        INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until)
        SELECT gen_random_uuid(), approval_id, {dry}, 1, 'w', now() FROM execution LIMIT 1
    """
    run(engine, copy.format(dry="true"))
    refused(engine, copy.format(dry="false"), "uq_execution_effective")


def test_a_target_has_one_holder(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        acquire(session, mine, ["t"])
    again = "INSERT INTO target_hold (execution_id, target_key) SELECT execution_id, target_key FROM target_hold"
    refused(engine, again, "uq_target_hold_active")
    run(engine, "UPDATE target_hold SET released_at = now()")
    refused(engine, "UPDATE target_hold SET released_at = NULL", "released, once")
    run(engine, again)


@pytest.mark.parametrize("status", ["executing", "executed", "failed"])
def test_a_pending_approval_cannot_jump(engine: Engine, status: str) -> None:
    pending(engine)
    refused(engine, f"UPDATE approval SET status = '{status}'", f"cannot go from pending to {status}")


def test_what_was_started_is_never_waiting_again(engine: Engine) -> None:
    owned(engine)
    refused(engine, "UPDATE approval SET status = 'approved'", "cannot go from executing to approved")


def test_an_executed_approval_is_never_approved_again(history: Engine) -> None:
    refused(history, "UPDATE approval SET status = 'approved'", "cannot go from executed to approved")


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("approval", "status = 'done'", "cannot go"),
        ("approval", "risk_level = 'huge'", "ck_approval_risk_level_known"),
        ("approval", "required_signatures = 0", "ck_approval_required_signatures_range"),
        ("execution", "outcome = 'great', settled_at = now()", "ck_execution_outcome_known"),
        ("execution", "outcome = 'success'", "ck_execution_settled_has_outcome"),
        ("execution", "error = repeat('x', 2001)", "ck_execution_error_length"),
        ("execution", "stderr = repeat('x', 8001)", "ck_execution_stderr_length"),
        ("execution", "plan = '{}'", "ck_execution_plan_has_hash"),
    ],
)
def test_values_that_mean_nothing_are_refused(engine: Engine, table: str, change: str, constraint: str) -> None:
    owned(engine)
    refused(engine, f"UPDATE {table} SET {change}", constraint)


INSERTS = {
    "ck_incident_resolved_has_time": "INSERT INTO incident (id, status) VALUES ('INC-1', 'resolved')",
    "ck_incident_effectiveness_score_range": "INSERT INTO incident (id, effectiveness_score) VALUES ('INC-1', 6)",
    "ck_timeline_event_about_something": (
        "INSERT INTO timeline_event (type, status, title, actor, actor_role) VALUES ('t', 'info', 't', 'a', 'r')"
    ),
    "ck_host_gateway_audit_refused_at_gate": (
        "INSERT INTO host_gateway_audit"
        " (session_id, agent, agent_role, project, host, tool, purpose, decision, allowed)"
        " VALUES ('s', 'a', 'r', 'p', 'h', 't', 'plan', 'refused', false)"
    ),
    "ck_ledger_step_skipped_has_reason": (
        "INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts, ended_at)"
        " SELECT gen_random_uuid(), id, 'notify', 1, 'skipped', 0, 0, 5, now() FROM execution"
    ),
    "ck_ledger_step_ended_has_time": (
        "INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts)"
        " SELECT gen_random_uuid(), id, 'notify', 1, 'done', 0, 0, 5 FROM execution"
    ),
    "ck_ledger_step_name_known": (
        "INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts)"
        " SELECT gen_random_uuid(), id, 'dance', 1, 'pending', 0, 0, 5 FROM execution"
    ),
}


@pytest.mark.parametrize("constraint", INSERTS)
def test_rows_that_contradict_themselves_are_refused(engine: Engine, constraint: str) -> None:
    owned(engine)
    refused(engine, INSERTS[constraint], constraint)
