"""What ran before its incident existed gets everything that belongs to it, once, and nothing is executed again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from countersign.aftermath.finalisation import Finalised, Finalising, finalise
from countersign.errors import InvalidInput
from countersign.execution.report import Report
from countersign.records.auto_repairs import repairs_due, repairs_of
from countersign.records.database.engine import transaction
from countersign.records.states import IncidentStatus, RepairStatus, StepName, StepStatus
from tests.aftermath.following import execution_id_of, follow, ledger
from tests.aftermath.incidents.remembered import (
    AUTO,
    NOTHING,
    RESTART,
    alert,
    case,
    incident,
    received,
    told,
    within,
)
from tests.execution.conftest import Office


def performed(office: Office, action: str = RESTART, **fields: object) -> Report:
    """Perform an action that was approved by itself, with all its steps."""
    report = office.perform(action, requested_by=AUTO, **fields)
    follow(office, report)
    return report


def finalised(office: Office, report: Report, incident_id: str | None = None) -> Finalised:
    return finalise(office.services, UUID(report.approval_id), incident_id=incident_id)


def everything(office: Office) -> dict[str, Any]:
    """Return all that finalising could have added to."""
    tables = ("auto_repair", "timeline_event", "knowledge_entry", "evidence_snapshot", "incident", "ledger_step")
    with transaction(office.services.engine) as session:
        return {name: session.execute(text(f"SELECT * FROM {name} ORDER BY 1")).all() for name in tables}


def requests(office: Office) -> int:
    """Return how many changes the cluster was asked for."""
    return len(office.cluster.log.mutations())


def test_a_linked_incident_gets_all_that_belongs_to_it(office: Office) -> None:
    engine, report = office.services.engine, performed(office)
    execution = execution_id_of(report)
    assert case(engine, execution).incident_id is None
    received(engine, incident_id="INC-1")
    sent = requests(office)
    done = finalised(office, report, "INC-1")
    assert (done.result, done.incident_id) == (Finalising.FINALISED, "INC-1")
    assert requests(office) == sent > 0
    (repair,) = within(engine, lambda session: repairs_of(session, "INC-1"))
    assert (repair.status, repair.trigger, repair.step) == (RepairStatus.RECORDED, AUTO, RESTART)
    entry = case(engine, execution)
    assert entry.incident_id == "INC-1"
    assert "HighLatency" in entry.title
    found = incident(engine, "INC-1")
    assert (found.status, found.execution_success) == (IncidentStatus.RESOLVED, True)
    assert told(engine, "INC-1") == ["incident_opened", "auto_repaired", "incident_resolved"]
    with transaction(engine) as session:
        linked = session.execute(text("SELECT incident_id FROM evidence_snapshot")).scalars().all()
    assert set(linked) == {"INC-1"}


def test_a_second_time_changes_nothing(office: Office) -> None:
    report = performed(office)
    received(office.services.engine, incident_id="INC-1")
    finalised(office, report, "INC-1")
    before = everything(office)
    assert finalised(office, report, "INC-1").result is Finalising.ALREADY
    assert everything(office) == before


def test_of_many_at_once_one_adds(office: Office) -> None:
    report = performed(office)
    received(office.services.engine, incident_id="INC-1")
    ready = Barrier(6)

    def go(_number: int) -> Finalising:
        ready.wait()
        return finalised(office, report, "INC-1").result

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(go, range(6)))
    assert sorted(results) == [Finalising.ALREADY] * 5 + [Finalising.FINALISED]
    assert told(office.services.engine, "INC-1") == ["incident_opened", "auto_repaired", "incident_resolved"]


def test_the_same_repair_of_one_incident_is_on_its_record_once(office: Office) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    for report in (
        performed(office, matched_playbook_id="latency"),
        performed(office, matched_playbook_id="latency"),
    ):
        assert finalised(office, report, "INC-1").result is Finalising.FINALISED
    repairs = within(engine, lambda session: repairs_of(session, "INC-1"))
    assert sorted(repair.status for repair in repairs) == ["recorded", "skipped"]


def test_a_missing_incident_is_a_reason_until_it_appears(office: Office) -> None:
    engine, report = office.services.engine, performed(office, incident_id="INC-1")
    done = finalised(office, report)
    assert (done.result, done.summary) == (Finalising.SKIPPED, "Incident INC-1 is not on record yet.")
    with transaction(engine) as session:
        assert repairs_due(session) == []
    received(engine, incident_id="INC-1")
    with transaction(engine) as session:
        assert repairs_due(session) == [UUID(report.approval_id)]
    assert finalised(office, report).result is Finalising.FINALISED


def test_without_an_incident_there_is_nothing_to_add_yet(office: Office) -> None:
    done = finalised(office, performed(office))
    assert (done.result, done.summary) == (Finalising.SKIPPED, "No incident is linked.")


def test_an_observation_is_no_repair(office: Office) -> None:
    report = performed(office, NOTHING)
    received(office.services.engine, incident_id="INC-1")
    assert finalised(office, report, "INC-1").summary == "Observation only: nothing was repaired."
    assert incident(office.services.engine, "INC-1").status is IncidentStatus.OPEN


def test_what_was_blocked_is_no_repair(office: Office) -> None:
    report = performed(office, "kubectl rollout restart deployment/nothing-like-it -n prod")
    received(office.services.engine, incident_id="INC-1")
    assert finalised(office, report, "INC-1").result is Finalising.SKIPPED


def test_what_people_approved_is_not_finalised(office: Office) -> None:
    report = office.perform(RESTART)
    with pytest.raises(InvalidInput, match="approved by people"):
        finalised(office, report)


def test_an_execution_of_another_incident_is_not_linked_to_this_one(office: Office) -> None:
    report = performed(office, incident_id="INC-1")
    received(office.services.engine, incident_id="INC-2")
    with pytest.raises(InvalidInput, match="INC-1"):
        finalised(office, report, "INC-2")


def test_what_was_never_executed_is_not_finalised(office: Office) -> None:
    approval_id = office.approved(RESTART, requested_by=AUTO)
    done = finalise(office.services, approval_id)
    assert (done.result, done.summary) == (Finalising.SKIPPED, "The approval has not been executed.")


def test_steps_that_are_still_to_be_done_are_done_first(office: Office) -> None:
    report = office.perform(RESTART, requested_by=AUTO)
    received(office.services.engine, alert(), incident_id="INC-1")
    sent = requests(office)
    finalised(office, report, "INC-1")
    rows = ledger(office, execution_id_of(report))
    assert rows[StepName.VERIFY].status is StepStatus.DONE
    assert rows[StepName.DEPOSIT_KNOWLEDGE].status is StepStatus.DONE
    assert requests(office) == sent


def test_a_failed_repair_is_recorded_and_resolves_nothing(office: Office) -> None:
    report = performed(office)
    received(office.services.engine, incident_id="INC-1")
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE evidence_snapshot SET verdict = 'worse' WHERE phase = 'after'"))
    assert finalised(office, report, "INC-1").result is Finalising.FINALISED
    assert incident(office.services.engine, "INC-1").status is IncidentStatus.OPEN


def test_without_a_playbook_two_repairs_of_one_incident_are_two(office: Office) -> None:
    """The second may be the one that succeeded."""
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    for report in (performed(office), performed(office)):
        assert finalised(office, report, "INC-1").result is Finalising.FINALISED
        assert finalised(office, report, "INC-1").result is Finalising.ALREADY
    repairs = within(engine, lambda session: repairs_of(session, "INC-1"))
    assert [repair.status for repair in repairs] == ["recorded", "recorded"]


@pytest.mark.parametrize(("verdict", "effectiveness"), [("effective", 5), ("unverifiable", 4)])
def test_what_was_verified_as_effective_is_the_most_effective(
    office: Office, verdict: str, effectiveness: int
) -> None:
    engine = office.services.engine
    report = performed(office)
    received(engine, incident_id="INC-1")
    with transaction(engine) as session:
        judged = text("UPDATE evidence_snapshot SET verdict = :verdict WHERE phase = 'after' RETURNING id")
        session.execute(judged, {"verdict": verdict}).one()
    assert finalised(office, report, "INC-1").result is Finalising.FINALISED
    assert incident(engine, "INC-1").effectiveness_score == effectiveness
