"""Executions that are over, with a row in every table that the archive takes rows from."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, text

from countersign.archive.moving import month_of, next_month
from countersign.records.archive_rows import ARCHIVED, TABLES
from countersign.records.database.engine import transaction
from countersign.records.deliveries import begin_delivery
from countersign.records.evidence import Seen, store_after, store_before
from countersign.records.ledger import NewStep, end_step, take_step
from countersign.records.outcomes import Outcome
from countersign.records.settlement import settle
from countersign.records.states import StepName, Verdict
from tests.records.builders import now, owned

AFTER_IT = next_month(month_of(datetime.now(UTC) + timedelta(days=1)))
"""A month from which on nothing was filed: everything that is closed by then may move."""

WEBHOOK = """
    INSERT INTO webhook (id, url, events, created_by, created_at, position, mac)
    VALUES ('00000000-0000-0000-0000-000000000001', 'https://ops.example/hook', '{approval.*}', 'alice', now(), 0,
            repeat('0', 64)) ON CONFLICT DO NOTHING
"""
TOLD = """
    INSERT INTO webhook_delivery (webhook_id, leaf, attempt, result)
    VALUES ('00000000-0000-0000-0000-000000000001', 1, 1, 'sent')
"""


def executed(engine: Engine, *, outcome: Outcome = Outcome.FAILED, verdict: Verdict = Verdict.EFFECTIVE) -> UUID:
    """Have one approval executed, and everything that follows it ended; return its id."""
    mine = owned(engine)
    seen = Seen(now(), {"Deployment/prod/api": {"replicas": 2, "image": "api:1 „x“ \\ \u2028"}})
    with transaction(engine) as session:
        store_before(session, mine.execution_id, seen, verification={"probes": []})
        settle(
            session,
            mine,
            outcome=outcome,
            error="it broke",
            report={},
            steps=[NewStep(StepName.NOTIFY, 1)],
        )
    with transaction(engine) as session:
        step = take_step(session, mine.execution_id, StepName.NOTIFY, runner="r", lease_seconds=30)
        assert step is not None
        begin_delivery(session, mine.execution_id, "team", fence=step.fence)
        end_step(session, step, result={"summary": "told team"})
        store_after(session, mine.execution_id, seen, verdict=verdict, verification={"reasons": ["replicas are up"]})
        session.execute(
            text(
                "INSERT INTO dead_letter (id, step_id, execution_id, name, error, replays, resolved_at) "
                "SELECT gen_random_uuid(), id, execution_id, name, 'once', 1, now() FROM ledger_step WHERE id = :id"
            ),
            {"id": step.id},
        )
        session.execute(text(WEBHOOK))
        session.execute(text(TOLD))
        found: UUID = session.execute(
            text("SELECT approval_id FROM execution WHERE id = :id"), {"id": mine.execution_id}
        ).scalar_one()
    return found


def stored(engine: Engine) -> Counter[str]:
    """Return how many rows that move are in each table."""
    found: Counter[str] = Counter()
    with engine.connect() as connection:
        for table in TABLES:
            only = {
                "timeline_event": f"type <> '{ARCHIVED}'",
                "evidence_snapshot": "verdict IS NULL OR objects <> '{}'",
            }.get(table, "true")
            found[table] = connection.execute(text(f"SELECT count(*) FROM {table} WHERE {only}")).scalar_one()
    return +found
