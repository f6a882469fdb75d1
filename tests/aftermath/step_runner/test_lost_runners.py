"""Whoever runs the steps may be killed between any two of them: the rest is done, and nothing is done again."""

import signal
from multiprocessing import get_context
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.records.database.engine import transaction
from countersign.records.states import IncidentStatus, StepName, StepStatus
from tests.aftermath.following import execution_id_of, follow, ledger
from tests.aftermath.incidents.remembered import RESTART, case, incident, received, told
from tests.aftermath.step_runner.dying import Orders, run_and_die
from tests.aftermath.step_runner.place import end_leases
from tests.execution.conftest import Office
from tests.faults.dying import Place

PATIENCE_SECONDS = 120
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.aftermath.step_runner.dying"])
# Every step once, killed before its end is on record and, in turns, right after.
MOMENTS = [(name, number % 2 == 0) for number, name in enumerate(StepName)]


@pytest.mark.parametrize(("step", "ended"), MOMENTS, ids=[f"{'after' if e else 'in'}-{s}" for s, e in MOMENTS])
def test_a_killed_runner_is_followed_by_one_that_does_the_rest(
    office: Office, engine: Engine, step: StepName, ended: bool
) -> None:
    received(engine, incident_id="INC-1")
    report = office.perform(RESTART, incident_id="INC-1")
    execution = execution_id_of(report)
    sent = len(office.cluster.log.mutations())
    _lose(office, engine, execution, step, ended=ended)
    before = ledger(office, execution)
    assert before[step].status is (StepStatus.RUNNING if not ended else before[step].status)
    end_leases(engine)
    after = follow(office, report, runner="the next one")
    assert {row.status for row in after.values()} <= {StepStatus.DONE, StepStatus.SKIPPED}
    for name, row in before.items():
        if row.status in (StepStatus.DONE, StepStatus.SKIPPED):
            assert (after[name].runner, after[name].ended_at) == (row.runner, row.ended_at), f"{name} was done again"
    assert len(office.cluster.log.mutations()) == sent
    assert case(engine, execution).incident_id == "INC-1"
    assert incident(engine, "INC-1").status is IncidentStatus.RESOLVED
    assert told(engine, "INC-1").count("incident_resolved") == 1
    with transaction(engine) as session:
        for table in ("knowledge_entry", "disposition", "playbook"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1, table


def _lose(office: Office, engine: Engine, execution: UUID, step: StepName, *, ended: bool) -> None:
    place = Place(
        database_url=engine.url.render_as_string(hide_password=False),
        policy=office.household.policy,
        kubeconfig=office.cluster.kubeconfig,
    )
    orders = Orders(place=place, execution_id=str(execution), step=step.value, ended=ended)
    process = _processes.Process(target=run_and_die, args=(orders,), daemon=True)
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
