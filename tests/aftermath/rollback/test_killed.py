"""The process that rolls back dies at every point: the rollback is made once, lands once, and ends with the truth."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text

from countersign.aftermath import step_catalogue
from countersign.aftermath.rollback import roll_back
from countersign.aftermath.step_runner import run_step
from countersign.records.database.engine import transaction
from countersign.records.holds import held_keys
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import LogStatus, StepName, StepStatus
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, image_of, made_worse
from tests.execution.conftest import Office

POINTS = ("decided", "started", "intent", "sent", "answered", "settled", "finished")

# The lease of a step whose runner died runs out in its time; a test does not wait for it.
LEASES_END = text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'running'")


class Died(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def at_point(monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], None]) -> None:
    """Let something happen once, when the step passes the point `name`."""
    left = [name]

    def at(point: str) -> None:
        if left and point.partition(":")[0] == left[0]:
            left.clear()
            happens()

    kind = step_catalogue.STEPS[StepName.ROLL_BACK]
    monkeypatch.setitem(step_catalogue.STEPS, StepName.ROLL_BACK, replace(kind, run=partial(roll_back, at=at)))  # type: ignore[misc]


def die() -> None:
    raise Died


@pytest.mark.parametrize("point", POINTS)
def test_a_rollback_whose_process_dies_is_finished_by_the_next_one(
    lenient: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    report = made_worse(lenient)
    execution_id = execution_id_of(report)
    at_point(monkeypatch, point, die)
    with pytest.raises(Died):
        run_step(lenient.services, execution_id, StepName.ROLL_BACK, runner="dies")
    with transaction(lenient.services.engine) as session:
        session.execute(LEASES_END)
    step = run_one(lenient, execution_id, StepName.ROLL_BACK, runner="lives")
    assert step.status is StepStatus.DONE, step.error
    assert (step.result or {})["outcome"] == "success"
    assert (image_of(lenient), len(lenient.cluster.requests.mutations())) == (GOOD, 1)
    with transaction(lenient.services.engine) as session:
        back = rollback_of(session, execution_id)
        assert back is not None
        log = log_of(session, back.id)
        assert log is not None
        assert (back.outcome, log.status) == ("success", LogStatus.ROLLED_BACK)
        assert held_keys(session, back.id) == frozenset()
        assert (step.result or {})["execution_id"] == str(back.id)


def test_a_step_that_ended_is_not_run_again(lenient: Office) -> None:
    report = made_worse(lenient)
    run_one(lenient, execution_id_of(report), StepName.ROLL_BACK)
    again = run_step(lenient.services, execution_id_of(report), StepName.ROLL_BACK, runner="again")
    assert again is None
    assert len(lenient.cluster.requests.mutations()) == 1


@pytest.mark.parametrize("point", ["decided", "started"])
def test_a_runner_that_lost_its_step_begins_and_sends_nothing(
    lenient: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    execution_id = execution_id_of(made_worse(lenient))

    def loses_the_step() -> None:
        with transaction(lenient.services.engine) as session:
            session.execute(text("UPDATE ledger_step SET fence = fence + 1 WHERE status = 'running'"))

    at_point(monkeypatch, point, loses_the_step)
    assert run_step(lenient.services, execution_id, StepName.ROLL_BACK, runner="late") is None
    assert lenient.cluster.requests.mutations() == []
    assert image_of(lenient) == BAD


def test_what_was_executed_long_ago_is_left_to_people(lenient: Office) -> None:
    execution_id = execution_id_of(made_worse(lenient))
    step = run_one(lenient.with_settings(rollback_within_seconds=0.001), execution_id, StepName.ROLL_BACK)
    assert step.status is StepStatus.SKIPPED
    assert "ended more than" in (step.reason or "")
    assert image_of(lenient) == BAD
