"""Every query of the flows and of reconciliation stays an index access, however many records are finished.

The statements are taken as they are sent (from the engine's events), not written down a second time.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event
from sqlmodel import Session

from countersign.records.approval_list import Only, approval_rows
from countersign.records.approvals import (
    Position,
    add_signature,
    cancel_approval,
    expire_due,
    file_approval,
    get_approval,
    list_approvals,
    signatures_of,
)
from countersign.records.attention import Need, needed
from countersign.records.auto_repairs import record_repair, repairs_due, wake_repairs
from countersign.records.claims import claim, extend_lease, start_dry_run
from countersign.records.database.engine import connect
from countersign.records.dead_letters import replay_due
from countersign.records.dispositions import dispositions_of
from countersign.records.due import what_is_due
from countersign.records.holds import acquire, holder_of
from countersign.records.incidents import resolve_incident, stuck_incidents, version_of
from countersign.records.journal import entries, record_answer, record_intent
from countersign.records.ledger import bury_exhausted, steps_due, steps_ready, take_step
from countersign.records.measures import measured
from countersign.records.operation_log import close_settled, log_of, open_log, open_logs
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.plans import plan_of, store_plan
from countersign.records.queries import (
    abandoned,
    approvals_of_incident,
    count_recent_executions,
    execution_of,
    executions_of,
    never_started,
    unknown_outcomes,
)
from countersign.records.rollbacks import (
    abandoned_rollbacks,
    rollback_of,
    start_unmade_rollback,
    take_over_abandoned,
    take_over_rollback,
)
from countersign.records.second_looks import to_look_at_again
from countersign.records.settlement import settle
from countersign.records.similar import similar_executed
from countersign.records.states import Answer, ApprovalStatus, Grain, StepName, Verdict
from countersign.records.timeline import events_of
from countersign.records.trends import Subject, counts_since, top_since
from countersign.records.trust import tallies_of
from tests.databases import Databases, as_superuser
from tests.records.builders import REQUEST, signed_by, unsealed

pytestmark = pytest.mark.all_rights

FINISHED = 100_000
BIG = ("approval", "signature", "execution", "journal_entry", "timeline_event", "automation_operation_log")
BIG += ("target_hold", "incident", "ledger_step", "disposition", "auto_repair")
NOW = datetime(2026, 6, 1, tzinfo=UTC)

LOAD = f"""
    SET session_replication_role = replica;
    CREATE FUNCTION pg_temp.n(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
        AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
    INSERT INTO approval (id, action, risk_level, requested_by, required_signatures, incident_id, status, expires_at,
                          idempotency_key, created_at, updated_at)
    SELECT pg_temp.n(n), 'kubectl rollout restart deployment/api', 'low', 'alice', 1, 'INC-' || n,
           CASE WHEN n > 20 THEN 'executed' WHEN n > 10 THEN 'executing' ELSE 'approved' END,
           timestamptz '2040-01-01', 'key-' || n,
           timestamptz '2026-01-01' + n * interval '1 s', timestamptz '2026-01-01' + n * interval '1 s'
    FROM generate_series(1, {FINISHED}) AS n;
    INSERT INTO signature (approval_id, signer, decision, algorithm, key_id, value, form, created_at)
    SELECT id, 'bob', 'approve', 'hmac', 'k', 'v', 2, created_at FROM approval;
    INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until, started_at, outcome, settled_at)
    SELECT id, id, false, 1, 'w', timestamptz '2040-01-01', created_at,
           CASE WHEN status = 'executed' THEN 'success' END, CASE WHEN status = 'executed' THEN created_at END
    FROM approval WHERE status <> 'approved';
    -- One in ten was taken back, and of 40 rollbacks nobody has seen the end.
    INSERT INTO execution (id, approval_id, dry_run, rolls_back, fence, worker, lease_until, started_at, outcome,
                           settled_at)
    SELECT pg_temp.n({FINISHED} + n), pg_temp.n(n), false, pg_temp.n(n), 1, 'w', timestamptz '2026-01-01',
           timestamptz '2026-01-01' + n * interval '1 s', CASE WHEN n > 400 THEN 'success' END,
           CASE WHEN n > 400 THEN timestamptz '2026-01-01' + n * interval '1 s' END
    FROM generate_series(30, {FINISHED}, 10) AS n;
    -- Joined below: without figures about them the planner may go through one for each row of the other.
    ANALYZE approval, execution;
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt)
    SELECT id, 1, 'intent', '1', 1 FROM execution;
    INSERT INTO target_hold (execution_id, target_key, acquired_at, released_at)
    SELECT id, 'c/Deployment/n/api-' || approval_id, started_at, coalesce(settled_at, NULL) FROM execution;
    INSERT INTO timeline_event (approval_id, incident_id, type, status, title, actor, actor_role, once_key)
    SELECT id, incident_id, 't', 'info', 't', 'a', 'r', 'once-' || id FROM approval;
    INSERT INTO automation_operation_log (id, execution_id, approval_id, operation_type, actor, status, attempts,
                                          opened_at, closed_at)
    SELECT id, id, approval_id, 'restart', 'w', CASE WHEN settled_at IS NULL THEN 'pending' ELSE 'success' END, 1,
           started_at, settled_at
    FROM execution;
    INSERT INTO incident (id, status, resolved_at)
    SELECT incident_id, CASE WHEN status = 'executed' THEN 'resolved' ELSE 'open' END,
           CASE WHEN status = 'executed' THEN created_at END
    FROM approval;
    INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts, ended_at)
    SELECT gen_random_uuid(), id, 'notify', 1, CASE WHEN settled_at IS NULL THEN 'pending' ELSE 'done' END, 1, 1, 5,
           settled_at
    FROM execution;
    INSERT INTO disposition (execution_id, anomaly_key, kind, outcome)
    SELECT id, 'A|n|' || approval_id, 'auto_approved', 'success' FROM execution WHERE settled_at IS NOT NULL;
    INSERT INTO auto_repair (execution_id, incident_id, status, ended_at)
    SELECT execution.id, incident_id, CASE WHEN settled_at IS NULL THEN 'pending' ELSE 'recorded' END, settled_at
    FROM execution JOIN approval ON approval.id = approval_id WHERE rolls_back IS NULL;
"""


def number(n: int) -> UUID:
    return UUID(int=n)


@pytest.fixture(scope="module")
def loaded(databases: Databases) -> Iterator[Engine]:
    with databases.lent() as url:
        engine = connect(as_superuser(url), timeout=5)
        load(engine)
        yield engine
        engine.dispose()


def load(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.connection.cursor().execute(LOAD)
        connection.connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        # The plan of a prepared statement that has run often: the values are not looked at.
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET plan_cache_mode = force_generic_plan")
    engine.dispose()


OPEN = Owned(number(15), 1)

QUESTIONS: dict[str, Callable[[Session], object]] = {
    "file": lambda s: file_approval(s, REQUEST, now=NOW),
    "get": lambda s: get_approval(s, number(77)),
    "sign": lambda s: add_signature(s, file_approval(s, REQUEST, now=NOW).id, signed_by("x"), now=NOW),
    "signatures": lambda s: signatures_of(s, number(77)),
    "cancel": lambda s: cancel_approval(s, number(3), by="x"),
    "list": list_approvals,
    "list a later page": lambda s: list_approvals(s, before=Position(NOW - timedelta(days=150), number(5))),
    "list by status": lambda s: list_approvals(s, status=ApprovalStatus.EXECUTED),
    "list by status, later page": lambda s: list_approvals(
        s, status=ApprovalStatus.EXECUTED, before=Position(NOW - timedelta(days=150), number(5))
    ),
    "rows of the list": approval_rows,
    "rows of a later page": lambda s: approval_rows(s, before=Position(NOW - timedelta(days=150), number(5))),
    "rows by status": lambda s: approval_rows(s, Only(status=ApprovalStatus.EXECUTED)),
    "rows since": lambda s: approval_rows(s, Only(since=NOW)),
    "expire": expire_due,
    "claim": lambda s: claim(s, number(4), worker="w", flow_run_id=None, lease_seconds=9),
    "claim what is finished": lambda s: claim(s, number(77), worker="w", flow_run_id=None, lease_seconds=9),
    "dry run": lambda s: start_dry_run(s, number(5), worker="w", flow_run_id=None, lease_seconds=9),
    "extend": lambda s: extend_lease(s, OPEN, 9),
    "plan": lambda s: (store_plan(s, OPEN, plan={}, plan_hash="h", plan_mac="m"), plan_of(s, OPEN.execution_id)),
    "hold": lambda s: acquire(s, OPEN, ["a", "b"]),
    "hold what another has": lambda s: acquire(s, OPEN, [f"c/Deployment/n/api-{number(16)}"]),
    "holder": lambda s: holder_of(s, ["c/Deployment/n/api-1"]),
    "intent": lambda s: record_intent(s, OPEN, step="1", attempt=1, payload={}, sealing=unsealed),
    "answer": lambda s: record_answer(s, OPEN, step="1", attempt=1, answer=Answer.LANDED, sealing=unsealed),
    "entries": lambda s: entries(s, number(77)),
    "settle": lambda s: settle(s, OPEN, outcome=Outcome.SUCCESS, report={}),
    "open log": lambda s: open_log(s, OPEN.execution_id, actor="w"),
    "log": lambda s: log_of(s, number(77)),
    "open logs": open_logs,
    "close settled": close_settled,
    "events": lambda s: events_of(s, approval_id=number(77)),
    "events of an incident": lambda s: events_of(s, incident_id="INC-77"),
    "recent executions": lambda s: count_recent_executions(s, f"c/Deployment/n/api-{number(77)}", NOW),
    "execution": lambda s: execution_of(s, number(77)),
    "executions": lambda s: executions_of(s, number(77)),
    "never started": never_started,
    "abandoned": abandoned,
    "unknown": unknown_outcomes,
    "look again": to_look_at_again,
    "abandoned rollbacks": abandoned_rollbacks,
    "take over an abandoned rollback": lambda s: take_over_abandoned(
        s, number(FINISHED + 30), worker="w", lease_seconds=9
    ),
    "rollback": lambda s: rollback_of(s, number(770)),
    "take over a rollback": lambda s: take_over_rollback(s, number(30), worker="w", lease_seconds=9),
    "a rollback that is not made": lambda s: start_unmade_rollback(s, number(77), worker="w"),
    "approvals of an incident": lambda s: approvals_of_incident(s, "INC-77"),
    "steps ready": lambda s: steps_ready(s, number(77)),
    "take a step": lambda s: take_step(s, number(15), StepName.NOTIFY, runner="r", lease_seconds=9),
    "what is due": partial(what_is_due, start_seconds=60, step_seconds=30, lost_seconds=5, rollback_seconds=60),
    "steps of lost runners": lambda s: bury_exhausted(s, error="lost"),
    "dead letters due": replay_due,
    "stuck incidents": stuck_incidents,
    "version of an incident": lambda s: version_of(s, "INC-77"),
    "resolve": lambda s: resolve_incident(s, "INC-15", note=""),
    "repairs due": repairs_due,
    "wake repairs": lambda s: wake_repairs(s, "INC-15"),
    "record a repair": lambda s: record_repair(
        s, number(15), incident_id="INC-15", playbook="", trigger="auto_approve", step="x"
    ),
    **{
        f"needs a person: {need}": lambda s, need=need: needed(s, need, form=2, limit=21)
        for need in Need
        if need is not Need.OVERDUE_STEPS
    },
    "similar requests": lambda s: similar_executed(s, number(77)),
    "trends": lambda s: (counts_since(s, Grain.DAY, NOW), top_since(s, Grain.DAY, NOW, Subject.TARGET)),
    "trust": lambda s: tallies_of(s, ["repair:x"], half_life_seconds=2_592_000.0, first=0),
    "count an anomaly": lambda s: dispositions_of(s, f"A|n|{number(77)}"),
}

EACH_OPEN: dict[str, Callable[[Session], object]] = {
    "steps due": steps_due,
    "overdue steps": lambda s: needed(s, Need.OVERDUE_STEPS, form=2, limit=21),
    "measure for metrics": measured,
}
"""An access by an index for each open step: for those before it. How many are expected is a matter of samples."""

SOME_ROWS: dict[str, Callable[[Session], object]] = {
    "rows by outcome": lambda s: approval_rows(s, Only(outcome=Outcome.UNKNOWN)),
    "rows by verdict": lambda s: approval_rows(s, Only(verdict=Verdict.WORSE)),
    "rows by requester": lambda s: approval_rows(s, Only(requester="nobody")),
}
"""Out of the newest 10,000 of 100,000, so dearer than an access by an index, and no dearer for more records."""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_big_table_is_read_from_end_to_end(loaded: Engine, question: str) -> None:
    explain_all(loaded, QUESTIONS[question], dearest=1000)


@pytest.mark.parametrize("question", EACH_OPEN)
def test_steps_before_a_step_are_asked_for_by_its_execution(loaded: Engine, question: str) -> None:
    explain_all(loaded, EACH_OPEN[question], dearest=10_000)


@pytest.mark.parametrize("question", SOME_ROWS)
def test_no_big_table_is_read_from_end_to_end_for_a_filter_without_an_index(loaded: Engine, question: str) -> None:
    explain_all(loaded, SOME_ROWS[question], dearest=100_000)


def explain_all(loaded: Engine, question: Callable[[Session], object], *, dearest: float) -> None:
    sent: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, parameters: Any, ___: object, ____: object) -> None:
        sent.append((statement, parameters))

    with loaded.connect() as connection:
        event.listen(loaded, "before_cursor_execute", note)
        try:
            with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
                question(session)
        finally:
            event.remove(loaded, "before_cursor_execute", note)
        connection.rollback()
        explained = 0
        for statement, parameters in sent:
            if statement.lstrip().split(None, 1)[0].upper() not in ("SELECT", "INSERT", "UPDATE", "WITH"):
                continue
            rows = connection.exec_driver_sql("EXPLAIN (FORMAT JSON) " + statement, parameters).scalar_one()
            for node in _nodes(rows[0]["Plan"]):
                table = node.get("Relation Name")
                whole = node["Node Type"] in ("Seq Scan", "Parallel Seq Scan") and table in BIG
                # An index without a condition is the whole table too, unless something stops early.
                by_open = node.get("Index Name") == "ix_ledger_step_open_due_at" and node.get("Alias") == "earlier"
                assert not by_open, f"all open steps are gone through for each of them by:\n{statement}"
                assert not whole, f"{table} is read from end to end by:\n{statement}"
            assert rows[0]["Plan"]["Total Cost"] < dearest, statement
            explained += 1
        connection.rollback()
    assert explained
