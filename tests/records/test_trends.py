"""What is counted by hours and days is what the executions on record come to, whatever was corrected since."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from countersign.records.database.engine import transaction
from countersign.records.evidence import Seen, store_after
from countersign.records.incidents import link_incident
from countersign.records.journal import record_answer, record_intent
from countersign.records.manual_settlement import find_out
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.settlement import settle
from countersign.records.states import Answer, Grain, Verdict
from countersign.records.trends import Measure, Subject, counts_since, length_of, top_since
from tests.records.builders import now, owned, unsealed

COUNTED_AGAIN = text("""
    SELECT grain, date_trunc(grain, settled_at, 'UTC') AS at, measure, name, CAST(sum(total) AS bigint) AS total
    FROM execution, trend_of(execution.id), (VALUES ('day'), ('hour')) AS each (grain)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
""")
COUNTED = text("SELECT grain, at, measure, name, total FROM trend WHERE total > 0 ORDER BY 1, 2, 3, 4")


def settled(engine: Engine, outcome: Outcome, report: Mapping[str, Any] = {}, **changes: object) -> Owned:
    mine = owned(engine, **changes)
    with transaction(engine) as session:
        settle(session, mine, outcome=outcome, report=report)
    return mine


def found(engine: Engine, measure: Measure) -> dict[str, int]:
    """What is on record of a measure, which has to be what the executions come to."""
    with transaction(engine) as session:
        assert session.execute(COUNTED).all() == session.execute(COUNTED_AGAIN).all()
        hours = counts_since(session, Grain.HOUR, now() - timedelta(hours=2))
        days = counts_since(session, Grain.DAY, now() - timedelta(days=2))
    totals: list[dict[str, int]] = []
    for counts in (hours, days):
        total: dict[str, int] = {}
        for each in counts:
            for name, count in each.of[measure].items():
                total[name] = total.get(name, 0) + count
        totals.append(total)
    assert totals[0] == totals[1]
    return totals[0]


def seen_after(engine: Engine, mine: Owned, verdict: Verdict) -> None:
    with transaction(engine) as session:
        store_after(session, mine.execution_id, Seen(now(), {}), verdict=verdict, verification={})


def written(engine: Engine, incident_id: str, alert: str) -> None:
    with transaction(engine) as session:
        session.execute(
            text(
                "INSERT INTO incident (id, signals)"
                " VALUES (:id, jsonb_build_object('alertname', CAST(:alert AS text)))"
            ),
            {"id": incident_id, "alert": alert},
        )


def top(engine: Engine, subject: Subject) -> list[tuple[str, int, int, int]]:
    with transaction(engine) as session:
        rows = [top_since(session, grain, now() - timedelta(days=2), subject) for grain in Grain]
    assert rows[0] == rows[1]
    return [(row.name, row.runs, row.verified, row.effective) for row in rows[0]]


def test_outcomes_are_counted_by_who_approved_and_verdicts_beside_them(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    settled(engine, Outcome.FAILED, requested_by="auto_approve:rules")
    assert found(engine, Measure.OUTCOME) == {"human:success": 1, "auto:failed": 1}
    seen_after(engine, mine, Verdict.INEFFECTIVE)
    seen_after(engine, mine, Verdict.EFFECTIVE)
    assert found(engine, Measure.VERDICT) == {"human:effective": 1}


def test_what_is_found_out_later_is_counted_instead(engine: Engine) -> None:
    mine = settled(engine, Outcome.UNKNOWN)
    assert found(engine, Measure.OUTCOME) == {"human:unknown": 1}
    with transaction(engine) as session:
        find_out(session, mine.execution_id, outcome=Outcome.SUCCESS, report={}, title="t", reason="seen", by="bob")
    assert found(engine, Measure.OUTCOME) == {"human:success": 1}


def test_what_is_put_off_is_not_counted_nor_what_was_not_committed(engine: Engine) -> None:
    settled(engine, Outcome.POSTPONED)
    with pytest.raises(RuntimeError), transaction(engine) as session:
        settle(session, owned(engine), outcome=Outcome.SUCCESS, report={})
        raise RuntimeError
    assert found(engine, Measure.OUTCOME) == {}


def test_all_are_counted_that_end_at_once(engine: Engine) -> None:
    mine = [owned(engine, incident_id="INC-1") for _ in range(6)]
    ready = Barrier(len(mine) + 1)

    def end(one: Owned) -> None:
        ready.wait()
        with transaction(engine) as session:
            settle(session, one, outcome=Outcome.SUCCESS, report={"targets": ["Deployment/prod/api"]})

    with ThreadPoolExecutor(len(mine) + 1) as pool:
        ends = [pool.submit(end, one) for one in mine]
        ready.wait()
        # Counts those that have ended by then; the others find the incident themselves.
        written(engine, "INC-1", "HighMemory")
        for one in ends:
            one.result()
    assert found(engine, Measure.OUTCOME) == {"human:success": len(mine)}
    assert top(engine, Subject.ALERT) == [("HighMemory", len(mine), 0, 0)]


def test_retries_and_the_rule_that_blocked_are_of_the_report(engine: Engine) -> None:
    settled(engine, Outcome.SUCCESS, {"steps": [{"attempts": 3}, {"attempts": 1}, {"attempts": 2}]})
    checks = [{"name": "approved", "passed": True}, {"name": "freeze", "passed": False}]
    settled(engine, Outcome.BLOCKED, {"checks": checks, "code": "blocked"})
    settled(engine, Outcome.BLOCKED, {"checks": [], "code": "preflight_blocked"})
    assert found(engine, Measure.RETRY) == {"human": 3}
    assert found(engine, Measure.RULE) == {"freeze": 1, "preflight_blocked": 1}


def test_times_are_from_the_last_signature_to_the_first_effect(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
        record_answer(session, mine, step="1", attempt=1, answer=Answer.LANDED, sealing=unsealed)
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
    assert [name for name in found(engine, Measure.TO_EFFECT) if length_of(name) < 60]
    assert [name for name in found(engine, Measure.PEOPLE) if length_of(name) < 60]
    with transaction(engine) as session:
        names = session.execute(
            text("SELECT trend_length(interval '1024 ms'), trend_length(interval '2047 ms'), trend_length('-1 s')")
        ).one()
    assert tuple(names) == ("40", "43", "0")
    assert 1.024 < length_of("40") < 1.22


def test_an_incident_that_is_written_or_linked_later_gives_its_alert(engine: Engine) -> None:
    report = {"targets": ["Deployment/prod/api", "Deployment/prod/web"]}
    mine = settled(engine, Outcome.SUCCESS, report, incident_id="INC-1", matched_playbook_id="restart")
    other = settled(engine, Outcome.SUCCESS, report)
    written(engine, "INC-1", "HighMemory")
    assert top(engine, Subject.ALERT) == [("HighMemory", 1, 0, 0)]
    with transaction(engine) as session:
        approval_id: UUID = session.execute(
            text("SELECT approval_id FROM execution WHERE id = :id"), {"id": other.execution_id}
        ).scalar_one()
        link_incident(session, approval_id, "INC-1", by="bob")
    seen_after(engine, mine, Verdict.EFFECTIVE)
    seen_after(engine, other, Verdict.WORSE)
    assert top(engine, Subject.ALERT) == [("HighMemory", 2, 2, 1)]
    assert top(engine, Subject.PLAYBOOK) == [("restart", 1, 1, 1)]
    assert top(engine, Subject.TARGET) == [(name, 2, 2, 1) for name in report["targets"]]
    assert found(engine, Measure.OUTCOME) == {"human:success": 2}


def test_who_runs_can_neither_count_nor_write_counts(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    for statement in (
        "UPDATE trend SET total = 7",
        "INSERT INTO trend VALUES ('day', now(), 'outcome', 'x', 1)",
        "SELECT trend_count_all(now())",
        f"SELECT trend_count('{mine.execution_id}')",
        "UPDATE trust_tally SET runs = 7",
        "UPDATE disposition_tally SET total = 7",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction(engine) as session:
            session.execute(text(statement))


def test_the_owner_counts_anew_what_is_on_record(all_rights: Engine) -> None:
    settled(all_rights, Outcome.SUCCESS)
    with transaction(all_rights) as session:
        before = session.execute(COUNTED).all()
        session.execute(text("UPDATE trend SET total = 99"))
        session.execute(text("SELECT trend_count_all(clock_timestamp() - interval '1 day')"))
        assert session.execute(COUNTED).all() == before != []
