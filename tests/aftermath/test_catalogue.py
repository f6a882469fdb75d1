"""Every step of the ledger can be run."""

from countersign.aftermath.step_catalogue import STEPS
from countersign.records.states import StepName
from tests.aftermath.following import follow
from tests.execution.conftest import Office


def test_every_name_of_a_step_has_a_function() -> None:
    assert set(STEPS) == set(StepName)


def test_every_step_after_a_restart_ends(office: Office) -> None:
    steps = follow(office, office.perform("kubectl rollout restart deployment/api -n prod"))
    assert set(steps) == set(StepName)
    assert {row.status for row in steps.values()} <= {"done", "skipped"}, [row.error for row in steps.values()]
