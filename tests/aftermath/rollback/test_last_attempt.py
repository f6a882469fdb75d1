"""The last attempt at a rollback, after which nobody looks again: what still may land is waited for."""

from countersign.records.database.engine import transaction
from countersign.records.holds import held_keys
from countersign.records.rollbacks import rollback_of
from countersign.records.states import StepName
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.rollback.conftest import GOOD, image_of, made_worse
from tests.execution.conftest import Office


def test_an_attempt_behind_which_no_other_fits_waits_for_a_late_effect(lenient: Office) -> None:
    """The step's time would be over before the next attempt, so this one is the last although it is the first."""
    office = lenient.with_settings(late_effect_seconds=0.1, retry_delay_seconds=1000, request_timeout_seconds=2)
    execution_id = execution_id_of(made_worse(office))
    office.cluster.faults.add(Fault(effect=Effect.DELAY, method="PATCH", seconds=3.5))
    step = run_one(office, execution_id, StepName.ROLL_BACK)
    assert (step.result or {})["outcome"] == "success", step
    assert (image_of(office), len(office.cluster.requests.mutations())) == (GOOD, 1)
    with transaction(office.services.engine) as session:
        back = rollback_of(session, execution_id)
        assert back is not None
        assert held_keys(session, back.id) == frozenset()
