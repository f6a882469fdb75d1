"""What a person starts from Prefect's page: finalising and finishing steps, on Prefect's server."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from sqlalchemy import text

from countersign.records.database.engine import transaction
from countersign.records.states import IncidentStatus, StepName, StepStatus
from flows.finalize_auto_approved import finalize_auto_approved
from flows.finishing import finish_steps, have_steps_finished
from flows.rounds import Context
from flows.wiring import records
from tests.aftermath.following import execution_id_of, follow, ledger
from tests.aftermath.incidents.remembered import AUTO, NOTHING, RESTART, incident, received
from tests.execution.conftest import Office

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(autouse=True)
def the_same_records(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    """Let the flows find the database of the test."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    records.cache_clear()
    yield
    records.cache_clear()


def test_finalising_from_prefects_page_says_what_it_did(office: Office) -> None:
    report = office.perform(RESTART, requested_by=AUTO)
    follow(office, report)
    received(office.services.engine, incident_id="INC-1")
    states = [asyncio.run(finalize_auto_approved(report.approval_id, "INC-1", return_state=True)) for _ in range(2)]
    assert [state.message for state in states] == [
        "Incident INC-1 has everything that belongs to it.",
        "It was finalised before.",
    ]
    assert incident(office.services.engine, "INC-1").status is IncidentStatus.RESOLVED


def test_finalising_without_an_incident_is_shown_as_skipped(office: Office) -> None:
    report = office.perform(RESTART, requested_by=AUTO)
    follow(office, report)
    state = asyncio.run(finalize_auto_approved(report.approval_id, None, return_state=True))
    assert (state.name, state.message) == ("Skipped", "No incident is linked.")


def test_finishing_steps_does_what_is_left(office: Office) -> None:
    report = office.perform(NOTHING)
    asyncio.run(finish_steps(report.approval_id))
    rows = ledger(office, execution_id_of(report))
    assert {row.status for row in rows.values()} <= {StepStatus.DONE, StepStatus.SKIPPED}
    assert len(rows) == len(StepName)


def test_a_round_has_steps_finished_by_one_run(office: Office) -> None:
    execution = execution_id_of(office.perform(NOTHING))
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE ledger_step SET due_at = due_at - interval '40 s'"))

    async def go() -> set[UUID]:
        async with get_client() as client:
            flow_id = await client.create_flow(finish_steps)
            await client.create_deployment(flow_id=flow_id, name="finish-steps")
            for _ in range(2):
                (found,) = await have_steps_finished(Context(office.services, "w1"))
                assert not found.failed, found.done
            runs = await client.read_flow_runs()
            return {run.id for run in runs if run.parameters.get("execution_id") == str(execution)}

    assert len(asyncio.run(go())) == 1
