"""What a round's questions cost with a million finished approvals, against a thousand; and without partial indexes.

Two databases of one PostgreSQL, the same few open rows in each; every question is asked of both, turn by turn. Beside
it the same questions on the big one without their partial indexes, as a plain table would answer them.

    .venv/bin/python -m benchmarks.reconcile_scale [--finished 1000000] [--turns 30]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.execution.reconciliation import LOOKED_AT
from countersign.local.postgres import THROWAWAY, EmbeddedPostgres
from countersign.records.approvals import expire_due
from countersign.records.auto_repairs import repairs_due
from countersign.records.database.engine import connect
from countersign.records.database.migrate import upgrade
from countersign.records.dead_letters import replay_due
from countersign.records.incidents import stuck_incidents
from countersign.records.ledger import bury_exhausted, steps_due
from countersign.records.operation_log import close_settled
from countersign.records.queries import abandoned, waiting
from countersign.records.rollbacks import abandoned_rollbacks
from flows.reconcile import PARTS

FEW = 1_000
LARGEST_RATIO = 1.5
QUESTIONS: Mapping[str, Callable[[Session], object]] = {
    "expired": expire_due,
    "open_log": close_settled,
    "never_started": lambda session: waiting(session, older_than_seconds=0, limit=LOOKED_AT),
    "abandoned": abandoned,
    "abandoned_rollback": abandoned_rollbacks,
    "dead_step": lambda session: bury_exhausted(session, error="lost"),
    "dead_letter": replay_due,
    "open_step": steps_due,
    "unfinalised": repairs_due,
    "stuck_incident": stuck_incidents,
}
"""What each part of a round asks the records; that of lost runs asks Prefect."""
# What the questions read, and a plain table would not have.
PARTIAL = (
    "ix_approval_open_expires_at",
    "ix_approval_waiting_updated_at",
    "ix_approval_status_created_at_id",
    "ix_execution_unsettled_lease_until",
    "ix_automation_operation_log_pending",
    "ix_ledger_step_open_due_at",
    "ix_dead_letter_open_next_at",
    "ix_incident_unresolved_updated_at",
    "ix_auto_repair_pending_due_at",
)

# Numbers from 1: the first 120 are open, twenty or more for each question; the rest is finished.
LOAD = """
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    CREATE FUNCTION pg_temp.n(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
        AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
    INSERT INTO approval (id, action, risk_level, requested_by, required_signatures, incident_id, status, expires_at,
                          created_at, updated_at)
    SELECT pg_temp.n(n), 'kubectl rollout restart deployment/api', 'low', 'alice', 1, 'INC-' || n,
           CASE WHEN n <= 40 THEN 'approved' WHEN n <= 60 THEN 'executing' ELSE 'executed' END,
           CASE WHEN n <= 20 THEN timestamptz '2026-01-02' ELSE timestamptz '2040-01-01' END,
           timestamptz '2026-01-01' + n * interval '1 s', timestamptz '2026-01-01' + n * interval '1 s'
    FROM generate_series(1, :finished) AS n;
    INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until, started_at, outcome, settled_at)
    SELECT id, id, false, 1, 'w', timestamptz '2026-01-02', created_at,
           CASE WHEN status = 'executed' THEN 'success' END, CASE WHEN status = 'executed' THEN created_at END
    FROM approval WHERE status <> 'approved';
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer)
    SELECT id, 1, kind, '1', 1, CASE WHEN kind = 'answer' THEN 'landed' END
    FROM execution, unnest(ARRAY['intent', 'answer']) AS kind;
    INSERT INTO target_hold (execution_id, target_key, acquired_at, released_at)
    SELECT id, 'c/Deployment/n/api-' || approval_id, started_at, settled_at FROM execution;
    INSERT INTO timeline_event (approval_id, incident_id, type, status, title, actor, actor_role)
    SELECT id, incident_id, type, 'info', 't', 'a', 'r'
    FROM approval, unnest(ARRAY['execution_started', 'execution_settled']) AS type;
    INSERT INTO automation_operation_log (id, execution_id, approval_id, operation_type, actor, status, attempts,
                                          opened_at, closed_at)
    SELECT id, id, approval_id, 'restart', 'w',
           CASE WHEN settled_at IS NULL OR id <= pg_temp.n(80) THEN 'pending' ELSE 'success' END, 1,
           started_at, CASE WHEN id > pg_temp.n(80) THEN settled_at END
    FROM execution;
    INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts, due_at,
                             ended_at)
    SELECT gen_random_uuid(), id, name, 1,
           CASE WHEN id > pg_temp.n(100) THEN 'done' ELSE 'pending' END, 1, 1, 5, started_at,
           CASE WHEN id > pg_temp.n(100) THEN settled_at END
    FROM execution, unnest(ARRAY['notify', 'verify', 'learn']) AS name
    WHERE settled_at IS NOT NULL;
    UPDATE ledger_step SET status = 'running', attempts = max_attempts, fence = max_attempts
    WHERE status = 'pending' AND execution_id <= pg_temp.n(70);
    INSERT INTO ledger_step (id, execution_id, name, position, status, fence, attempts, max_attempts, due_at,
                             ended_at)
    SELECT gen_random_uuid(), id, 'deposit_knowledge', 2, CASE WHEN id > pg_temp.n(100) THEN 'done' ELSE 'dead' END,
           1, 1, 5, started_at, settled_at
    FROM execution WHERE settled_at IS NOT NULL;
    INSERT INTO dead_letter (id, step_id, execution_id, name, error, replays, next_replay_at, resolved_at)
    SELECT id, id, execution_id, name, 'it was away', 0, due_at, CASE WHEN status = 'done' THEN ended_at END
    FROM ledger_step WHERE name = 'deposit_knowledge';
    INSERT INTO auto_repair (execution_id, incident_id, status, due_at, ended_at)
    SELECT execution.id, incident_id, CASE WHEN execution.id > pg_temp.n(100) THEN 'recorded' ELSE 'pending' END,
           settled_at, CASE WHEN execution.id > pg_temp.n(100) THEN settled_at END
    FROM execution JOIN approval ON approval.id = approval_id WHERE settled_at IS NOT NULL;
    INSERT INTO incident (id, status, resolved_at, updated_at)
    SELECT incident_id, CASE WHEN id > pg_temp.n(120) THEN 'resolved' ELSE 'investigating' END,
           CASE WHEN id > pg_temp.n(120) THEN created_at END, created_at
    FROM approval;
"""


def filled(server: EmbeddedPostgres, name: str, finished: int) -> Engine:
    """Return a database with that many approvals."""
    server.create_database(name)
    engine = connect(server.url(name), timeout=10)
    upgrade(engine)
    began = time.monotonic()
    with engine.connect() as connection:
        # Straight through the driver: SQLAlchemy would look for parameters in the text.
        connection.connection.cursor().execute(LOAD.replace(":finished", str(finished)))
        connection.connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    print(f"{finished:>9,} approvals with all that belongs to them: filled in {time.monotonic() - began:.0f} s")
    return engine


def asked(engine: Engine, question: Callable[[Session], object], *, without: tuple[str, ...] = ()) -> float:
    """Return the seconds that `question` takes, without some indexes; nothing of it stays."""
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        for index in without:
            session.execute(text(f"DROP INDEX {index}"))
        began = time.perf_counter()
        found = question(session)
        took = time.perf_counter() - began
        session.rollback()
    del found
    return took


def main() -> int:
    """Measure, print the ratios, and fail where the largest is above the limit."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--finished", type=int, default=1_000_000, help="approvals in the big database")
    options.add_argument("--turns", type=int, default=30, help="times that each question is asked")
    chosen = options.parse_args()
    asked_by_a_round = {part.name for part in PARTS} - {"lost_run"}
    assert set(QUESTIONS) == asked_by_a_round, f"not measured: {asked_by_a_round ^ set(QUESTIONS)}"
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres", options=THROWAWAY) as server:
            small, big = filled(server, "small", FEW), filled(server, "big", chosen.finished)
            print(f"\n{'':28}{'1,000':>10}{f'{chosen.finished:,}':>12}{'ratio':>8}{'without partial indexes':>26}")
            rounds = [0.0, 0.0, 0.0]
            for label, question in QUESTIONS.items():
                times: tuple[list[float], list[float]] = ([], [])
                asked(small, question), asked(big, question)  # the first time pays for what the later ones find
                for _ in range(chosen.turns):
                    for engine, taken in zip((small, big), times, strict=True):
                        taken.append(asked(engine, question))
                few, many = map(statistics.median, times)
                plain = statistics.median(asked(big, question, without=PARTIAL) for _ in range(3))
                rounds = [total + part for total, part in zip(rounds, (few, many, plain), strict=True)]
                _print(label, few, many, plain)
            _print("a round", *rounds)
            small.dispose()
            big.dispose()
    return int(rounds[1] / rounds[0] > LARGEST_RATIO)


def _print(label: str, few: float, many: float, plain: float) -> None:
    taken = f"{few * 1e3:7.2f} ms{many * 1e3:9.2f} ms{many / few:8.2f}"
    print(f"{label:28}{taken}{plain * 1e3:11.1f} ms, {plain / many:,.0f} x")


if __name__ == "__main__":
    sys.exit(main())
