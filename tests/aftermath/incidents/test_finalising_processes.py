"""Finalising by several processes at once, and by one that is killed at any moment: everything is added once."""

import signal
from multiprocessing import get_context
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.aftermath.finalisation import ADDED_STEPS, Finalising, finalise
from countersign.execution.report import Report
from countersign.records.auto_repairs import repairs_of
from countersign.records.database.engine import transaction
from countersign.records.states import IncidentStatus, RepairStatus, StepStatus
from tests.aftermath.following import execution_id_of, ledger
from tests.aftermath.incidents.finalising_process import DEEDS, MOMENTS, Orders, run
from tests.aftermath.incidents.remembered import AUTO, RESTART, case, incident, received, told, within
from tests.aftermath.incidents.test_finalising import everything, requests
from tests.aftermath.step_runner.place import end_leases
from tests.execution.conftest import Office
from tests.faults.dying import Place

PATIENCE_SECONDS = 120
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.aftermath.incidents.finalising_process"])


@pytest.fixture
def report(office: Office, engine: Engine) -> Report:
    """An action that ran by itself, of whose steps only those are open that finalising runs, and its incident."""
    performed = office.perform(RESTART, requested_by=AUTO)
    received(engine, incident_id="INC-1")
    others = {"id": execution_id_of(performed), "added": list(ADDED_STEPS)}
    with transaction(engine) as session:
        for change in ("status = 'running'", "status = 'skipped', reason = 'the test', ended_at = clock_timestamp()"):
            session.execute(
                text(f"UPDATE ledger_step SET {change} WHERE execution_id = :id AND name <> ALL (:added)"), others
            )
    return performed


def orders(office: Office, engine: Engine, report: Report, moment: str | None = None) -> Orders:
    place = Place(
        database_url=engine.url.render_as_string(hide_password=False),
        policy=office.household.policy,
        kubeconfig=office.cluster.kubeconfig,
    )
    return Orders(place=place, approval_id=report.approval_id, incident_id="INC-1", moment=moment)


def is_finalised_once(office: Office, engine: Engine, report: Report) -> None:
    """Assert that everything is there, and nothing twice, and that another time changes nothing."""
    (repair,) = within(engine, lambda session: repairs_of(session, "INC-1"))
    assert repair.status is RepairStatus.RECORDED
    assert told(engine, "INC-1") == ["incident_opened", "verified", "auto_repaired", "incident_resolved"]
    assert incident(engine, "INC-1").status is IncidentStatus.RESOLVED
    entry = case(engine, execution_id_of(report))
    assert (entry.incident_id, "HighLatency" in entry.title) == ("INC-1", True)
    with transaction(engine) as session:
        for table in ("knowledge_entry", "disposition", "auto_repair"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1, table
        phases = session.execute(text("SELECT phase, incident_id FROM evidence_snapshot ORDER BY phase")).all()
    assert [tuple(row) for row in phases] == [("after", "INC-1"), ("before", "INC-1")]
    before = everything(office)
    assert finalise(office.services, UUID(report.approval_id), incident_id="INC-1").result is Finalising.ALREADY
    assert everything(office) == before


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_a_kill_the_same_call_adds_the_rest(
    office: Office, engine: Engine, report: Report, moment: str
) -> None:
    sent = requests(office)
    process = _processes.Process(target=run, args=(orders(office, engine, report, moment),), daemon=True)
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
    ended = {name: row for name, row in ledger(office, execution_id_of(report)).items() if row.ended_at}
    end_leases(engine)
    again = finalise(office.services, UUID(report.approval_id), incident_id="INC-1")
    assert again.result is (Finalising.ALREADY if moment == "added" else Finalising.FINALISED)
    after = ledger(office, execution_id_of(report))
    for name, row in ended.items():
        assert (after[name].runner, after[name].ended_at) == (row.runner, row.ended_at), f"{name} was done again"
    assert {after[name].status for name in ADDED_STEPS} == {StepStatus.DONE}
    assert requests(office) == sent > 0
    is_finalised_once(office, engine, report)


def test_of_several_processes_at_once_one_adds(office: Office, engine: Engine, report: Report) -> None:
    sent = requests(office)
    together = _processes.Barrier(3)
    several = [
        _processes.Process(target=run, args=(orders(office, engine, report), together), daemon=True) for _ in range(3)
    ]
    for process in several:
        process.start()
    for process in several:
        process.join(PATIENCE_SECONDS)
    codes = sorted(process.exitcode or 0 for process in several)
    assert codes.count(DEEDS[Finalising.FINALISED]) == 1, codes
    assert requests(office) == sent > 0
    is_finalised_once(office, engine, report)
