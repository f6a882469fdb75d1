"""What pages and steps ask, with a thousand approvals on record against a hundred thousand and a million.

Databases of one PostgreSQL, filled in SQL; every question is asked of each, turn by turn.

    .venv/bin/python -m benchmarks.growth [--sizes 1000,100000] [--turns 15] [--backlog 0]

`--backlog` leaves the steps of so many executions open in each.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text
from sqlmodel import Session

from benchmarks.reconcile_scale import QUESTIONS as OF_A_ROUND
from benchmarks.reconcile_scale import filled
from countersign.aftermath.learning.trust import first_period, read_trust
from countersign.execution.attention import needs_attention
from countersign.execution.standing import standing
from countersign.local.postgres import DURABLE, EmbeddedPostgres
from countersign.records.approval_list import approval_rows
from countersign.records.dispositions import dispositions_of
from countersign.records.incidents import list_incidents
from countersign.records.knowledge import related, search
from countersign.records.states import Grain
from countersign.records.trends import Subject, counts_since, top_since
from countersign.records.trust import count_by, observations_of, observed_subjects

LARGEST_RATIO = 1.5
HALF_LIFE = 30 * 86_400.0
REPAIR = "repair:HighMemory/rollout_restart/Deployment"
SHARED_BUFFERS = "512MB"

# Beside what reconciliation reads: a case, observations, a disposition and an outcome's count for each. One of ten
# alerts is everywhere, one was only in the first half; the words of the bodies are a thousand.
MORE = f"""
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET maintenance_work_mem = '256MB';
    SET work_mem = '64MB';
    -- Made at once afterwards: entry by entry they take most of the time.
    CREATE TEMP TABLE made AS
    SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'ix_knowledge_entry_block%';
    DO $$ BEGIN EXECUTE (SELECT string_agg('DROP INDEX ' || indexname, ';') FROM made); END $$;
    INSERT INTO knowledge_entry (id, execution_id, incident_id, title, body, tags, path_type, entry_type, source,
                                 category, created_at)
    SELECT execution.id, execution.id, incident_id,
           'Auto: ' || CASE WHEN n % 2 = 0 THEN 'HighMemory' ELSE 'Alert' || n % 10 END,
           'Restarted deployment/api-' || n % 200 || ' in prod after memory pressure ' || md5(n::text)
             || CASE WHEN n < last.total / 2 THEN ' formerly' ELSE '' END
             || CASE WHEN n % 100000 = 77 THEN ' zebrafish' ELSE '' END
             || ' word' || n % 1000 || ' word' || n % 997,
           ARRAY['auto', 'success', 'memory', 'execution'], 'approval_auto_ok', 'case', 'execution', 'memory',
           execution.settled_at
    FROM (SELECT *, row_number() OVER (ORDER BY settled_at) AS n FROM execution WHERE settled_at IS NOT NULL)
           AS execution
    JOIN approval ON approval.id = approval_id, (SELECT count(*) AS total FROM execution) AS last;
    DO $$ BEGIN EXECUTE (SELECT string_agg(indexdef, ';') FROM made); END $$;
    INSERT INTO trust_observation (execution_id, subject, effect, weight, basis, at)
    SELECT id, subject, 1, 1, 'verdict effective', settled_at
    FROM execution, unnest(ARRAY['{REPAIR}', 'steps:p/h']) AS subject WHERE settled_at IS NOT NULL;
    INSERT INTO disposition (execution_id, anomaly_key, kind, outcome, at)
    SELECT id, 'HighMemory|prod|api', 'auto_approved', 'success', settled_at FROM execution
    WHERE settled_at IS NOT NULL;
    INSERT INTO disposition_tally (anomaly_key, kind, outcome, total)
    SELECT anomaly_key, kind, outcome, count(*) FROM disposition GROUP BY 1, 2, 3;
    UPDATE execution SET report = jsonb_build_object(
        'approval_id', approval_id, 'action', 'kubectl rollout restart deployment/api', 'outcome', 'success',
        'success', true, 'message', 'Restarted.', 'targets', jsonb_build_array('Deployment/prod/api-' || n % 200))
    FROM (SELECT id AS one, row_number() OVER () AS n FROM execution) AS numbered WHERE one = id;
    UPDATE ledger_step SET status = 'pending', ended_at = NULL, after = CASE name WHEN 'notify' THEN '{{}}'
        ELSE '{{notify}}'::text[] END
    WHERE execution_id IN (
        SELECT id FROM execution WHERE outcome = 'success' ORDER BY settled_at DESC LIMIT :backlog
    );
    SET session_replication_role = DEFAULT;
    SELECT trend_count_all('2000-01-01');
"""  # noqa: S608 - constants of this module


def questions(newest: datetime) -> Mapping[str, Callable[[Session], object]]:
    """Return what is asked where the newest execution ended then."""
    window = newest - timedelta(days=30)
    trust = {"now": newest, "half_life_seconds": HALF_LIFE}
    first = first_period(newest, HALF_LIFE)
    return {
        **{f"round: {name}": question for name, question in OF_A_ROUND.items()},
        "status": standing,
        "needs a person": needs_attention,
        "approvals": approval_rows,
        "incidents": list_incidents,
        "search: a common word": lambda session: search(session, "memory"),
        "search: an alert": lambda session: search(session, "HighMemory"),
        "search: once common": lambda session: search(session, "formerly"),
        "search: a rare word": lambda session: search(session, "zebrafish"),
        "search: a part": lambda session: search(session, "emory pressur"),
        "search: nothing": lambda session: search(session, "nonexistent"),
        "related cases": lambda session: related(session, ["HighMemory", "api"], incident_id="INC-77"),
        "trust of a kind of repair": lambda session: read_trust(session, [REPAIR], **trust),
        "trust list": lambda session: observed_subjects(session, half_life_seconds=HALF_LIFE, first=first),
        "runs of a playbook": lambda session: observations_of(session, ["steps:p/h"], since=window),
        "disposition counters": lambda session: dispositions_of(session, "HighMemory|prod|api"),
        "trends: 30 days": lambda session: counts_since(session, Grain.DAY, window),
        "trends: targets": lambda session: top_since(session, Grain.DAY, window, Subject.TARGET),
    }


def fill(server: EmbeddedPostgres, size: int, backlog: int) -> tuple[Engine, datetime]:
    """Return a database with `size` approvals and all that follows from them, and when the newest has ended."""
    engine = filled(server, f"of_{size}", size)
    began = time.monotonic()
    with engine.connect() as connection:
        # Straight through the driver: SQLAlchemy would look for parameters in the text.
        cursor = connection.connection.cursor()
        cursor.execute(MORE.replace(":backlog", str(backlog)))
        connection.connection.commit()
        with Session(connection) as session:
            count_by(session, HALF_LIFE)
            session.commit()
        newest = connection.exec_driver_sql("SELECT max(settled_at) FROM execution").scalar_one()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    print(f"{size:>9,}: cases, observations and counts in {time.monotonic() - began:.0f} s", flush=True)
    return engine, newest.astimezone(UTC)


def asked(engine: Engine, question: Callable[[Session], object]) -> float:
    """Return the seconds that `question` takes; nothing of it stays."""
    with Session(engine) as session:
        # On a machine that is busy with other things a turn may be put off for long.
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        began = time.perf_counter()
        question(session)
        took = time.perf_counter() - began
        session.rollback()
    return took


def measured(databases: Sequence[tuple[Engine, datetime]], turns: int) -> Mapping[str, Sequence[float]]:
    """Return for each question the median seconds in each database, asked turn by turn."""
    found = {}
    for label in questions(databases[0][1]):
        times: list[list[float]] = [[] for _ in databases]
        for turn in range(turns + 1):
            for (engine, newest), taken in zip(databases, times, strict=True):
                took = asked(engine, questions(newest)[label])
                if turn:  # the first time pays for what the later ones find
                    taken.append(took)
        found[label] = [statistics.median(taken) for taken in times]
    return found


def main() -> int:
    """Measure, print the ratios to the smallest, and fail where one is above the limit."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--sizes", default="1000,100000", help="approvals on record, the smallest first")
    options.add_argument("--turns", type=int, default=15, help="times that each question is asked")
    options.add_argument("--backlog", type=int, default=0, help="executions whose steps are open")
    chosen = options.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        # Not durable while it is filled, as large a cache as a small server has.
        settings = {**DURABLE, "fsync": "off", "shared_buffers": SHARED_BUFFERS, "max_wal_size": "4GB"}
        with EmbeddedPostgres(Path(name) / "postgres", options=settings) as server:
            databases = [fill(server, size, chosen.backlog) for size in sizes]
            found = measured(databases, chosen.turns)
            for engine, _ in databases:
                engine.dispose()
    print(f"\n{'':28}" + "".join(f"{size:>14,}" for size in sizes) + f"{'ratio':>9}")
    above = []
    for label, times in found.items():
        ratio = times[-1] / times[0]
        print(f"{label:28}" + "".join(f"{took * 1e3:11.2f} ms" for took in times) + f"{ratio:9.2f}")
        above += [label] if ratio > LARGEST_RATIO else []
    print(f"above {LARGEST_RATIO}: {', '.join(above) or 'none'}")
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
