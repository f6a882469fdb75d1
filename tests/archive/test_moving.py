"""What is closed moves to a file and is told; what is not, stays."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from countersign.archive.files import held_rows
from countersign.archive.moving import Archiving, month_of, next_month
from countersign.archive.reading import archived_rows, look_at_all
from countersign.audit.verifying import verify
from countersign.errors import DatabaseUnavailable
from countersign.records.archive import files, files_with
from countersign.records.archive_rows import TABLES, value_of
from countersign.records.database.engine import transaction
from countersign.records.evidence import evidence_of
from countersign.records.leading import ARCHIVING, Leadership
from countersign.records.outcomes import Outcome
from countersign.records.states import EvidencePhase, Verdict
from countersign.records.timeline import events_of
from tests.archive.history import AFTER_IT, executed, stored
from tests.records.builders import approved, owned


def test_every_row_of_a_closed_approval_moves_and_the_audit_still_holds(
    engine: Engine, archiving: Archiving, folder: Path
) -> None:
    approval_id = executed(engine)
    before = stored(engine)
    assert set(before) == set(TABLES)
    (moved,) = archiving.run(AFTER_IT)
    assert stored(engine) == {}
    assert moved.rows == before.total()
    assert {row.table for row in held_rows(folder / moved.name)} == set(TABLES)
    assert [each.wrong for each in look_at_all(engine, folder)] == [None]
    assert verify(engine, verifier=None, saved=None).findings == ()
    with transaction(engine) as session:
        assert files_with(session, approval_id) == [moved.name]
        (told,) = events_of(session, approval_id=approval_id)
        assert (told.type, told.description) == ("archived", moved.name)
        (file,) = files(session)
        assert (file.rows, file.approvals) == (dict(before), 1)


def test_what_the_file_says_is_what_the_tables_said(engine: Engine, archiving: Archiving, folder: Path) -> None:
    approval_id = executed(engine)
    with transaction(engine) as session:
        told = [each.title for each in events_of(session, approval_id=approval_id)]
    list(archiving.run(AFTER_IT))
    rows = archived_rows(engine, folder, approval_id)
    assert [value_of(row.content)["title"] for row in rows if row.table == "timeline_event"] == told
    seen = [value_of(row.content) for row in rows if row.table == "evidence_snapshot"]
    assert seen[0]["objects"] == {"Deployment/prod/api": {"replicas": 2, "image": "api:1 „x“ \\ \u2028"}}


def test_the_verdict_stays(engine: Engine, archiving: Archiving) -> None:
    executed(engine, verdict=Verdict.WORSE)
    list(archiving.run(AFTER_IT))
    with transaction(engine) as session:
        execution_id = session.execute(text("SELECT id FROM execution")).scalar_one()
        (after,) = evidence_of(session, execution_id).values()
        assert (after.phase, after.verdict, after.objects) == (EvidencePhase.AFTER, Verdict.WORSE, {})


OPEN = {
    "nobody could tell": "UPDATE execution SET outcome = 'unknown'",
    "it is looked at again": "UPDATE execution SET look_again_until = now() + interval '1 hour'",
    "a step is open": "UPDATE ledger_step SET status = 'pending', ended_at = NULL",
    "a letter waits": "UPDATE dead_letter SET resolved_at = NULL",
    "its log is open": "UPDATE automation_operation_log SET status = 'pending', closed_at = NULL",
    "a repair waits": "INSERT INTO auto_repair (execution_id, status) SELECT id, 'pending' FROM execution",
    "its incident is open": "INSERT INTO incident (id) VALUES ('INC-1'); UPDATE approval SET incident_id = 'INC-1'",
    "it was touched later": f"UPDATE approval SET updated_at = '{AFTER_IT:%Y-%m-%d}'",
}


@pytest.mark.parametrize("why", OPEN)
def test_what_is_not_over_stays(engine: Engine, archiving: Archiving, why: str) -> None:
    executed(engine)
    with engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(OPEN[why]))
        connection.execute(text("DELETE FROM webhook_delivery"))
    before = stored(engine)
    assert archiving.estimate(AFTER_IT).approvals == 0
    assert list(archiving.run(AFTER_IT)) == []
    assert stored(engine) == before


def test_what_waits_or_runs_stays(engine: Engine, archiving: Archiving) -> None:
    approved(engine)
    owned(engine)
    assert list(archiving.run(AFTER_IT)) == []


def test_the_month_that_is_not_over_stays(engine: Engine, archiving: Archiving) -> None:
    executed(engine)
    assert list(archiving.run(datetime.now(UTC))) == []


def test_what_comes_later_goes_into_a_further_file(engine: Engine, archiving: Archiving, folder: Path) -> None:
    approval_id = executed(engine)
    (first,) = archiving.run(AFTER_IT)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO timeline_event (approval_id, type, status, title, actor, actor_role) "
                "VALUES (:id, 'late', 'info', 'Something was found out', 'bob', 'system')"
            ),
            {"id": approval_id},
        )
    (second,) = archiving.run(AFTER_IT)
    assert (first.name[-10:], second.name[-10:]) == ("1.jsonl.gz", "2.jsonl.gz")
    titles = [value_of(row.content).get("title") for row in archived_rows(engine, folder, approval_id)]
    assert "Something was found out" in titles
    assert list(archiving.run(AFTER_IT)) == []


def test_a_row_that_changed_after_it_was_read_stays_as_it_is(
    engine: Engine, archiving: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed(engine)
    put_on_record = archiving._put_on_record

    def changed_meanwhile(*arguments: object) -> None:
        put_on_record(*arguments)  # type: ignore[arg-type]
        with engine.begin() as connection:
            connection.execute(text("UPDATE delivery SET error = 'told late'"))

    monkeypatch.setattr(archiving, "_put_on_record", changed_meanwhile)
    list(archiving.run(AFTER_IT))
    assert stored(engine) == {"delivery": 1}


def test_two_do_not_archive_at_once(engine: Engine, owner: Engine, archiving: Archiving, folder: Path) -> None:
    executed(engine)
    other = Leadership(engine, ARCHIVING)
    assert other.lead()
    with pytest.raises(DatabaseUnavailable, match="another process archives"):
        list(Archiving(owner, folder, by="bob", patience=0).run(AFTER_IT))
    other.close()
    assert len(list(archiving.run(AFTER_IT))) == 1


def test_the_estimate_is_what_moves(engine: Engine, archiving: Archiving) -> None:
    executed(engine, outcome=Outcome.SUCCESS)
    before = stored(engine)
    found = archiving.estimate(AFTER_IT)
    assert (found.approvals, found.rows) == (1, before)
    assert all(found.sizes[table] > 0 for table in before)
    assert stored(engine) == before


def test_old_answers_codes_and_sessions_are_forgotten(engine: Engine, archiving: Archiving) -> None:
    with engine.begin() as connection:
        for days in (29, 31):
            connection.execute(
                text(
                    "INSERT INTO answered_request (subject, key, asked, status, headers, at) "
                    "VALUES ('alice', :key, repeat('a', 64), 200, '{}', now() - make_interval(days => :days))"
                ),
                {"key": str(days), "days": days},
            )
    assert archiving.estimate(AFTER_IT).rows["answered_request"] == 1
    assert archiving.forget() == {"answered_request": 1, "login_code": 0, "web_session": 0}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT key FROM answered_request")).scalars().all() == ["29"]


def test_months_end_where_the_next_begins() -> None:
    december = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert month_of(december) == datetime(2026, 12, 1, tzinfo=UTC)
    assert next_month(month_of(december)) == datetime(2027, 1, 1, tzinfo=UTC)
