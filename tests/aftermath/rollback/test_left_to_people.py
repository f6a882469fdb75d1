"""A rollback that is due by the policy and is not made is told to people: a person has to look."""

from uuid import UUID

import pytest

from countersign.aftermath.notifications.message import Told, message_of
from countersign.aftermath.step_runner import run_step, run_steps
from countersign.execution.follow_up import follow_up_of
from countersign.execution.report import Report
from countersign.records.database.engine import transaction
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import EventStatus, LogStatus, StepName, StepStatus
from countersign.records.tables import Approval
from countersign.records.timeline import events_of
from tests.aftermath.following import execution_id_of, ledger, run_one
from tests.aftermath.rollback.conftest import BAD, image_of, made_worse, seeded
from tests.aftermath.rollback.test_asked_anew import begun
from tests.aftermath.rollback.test_killed import LEASES_END, Died, at_point, die
from tests.execution.conftest import Office


def lost_for_too_long(office: Office, monkeypatch: pytest.MonkeyPatch, point: str) -> UUID:
    """Let the step's runner die at `point`; it is picked up when the execution is too old to be taken back."""
    execution_id = begun(office, monkeypatch, point)
    late = office.with_settings(rollback_within_seconds=0.001)
    step = run_one(late, execution_id, StepName.ROLL_BACK, runner="late")
    assert step.status is StepStatus.SKIPPED, step.error
    assert "a person has to decide" in (step.reason or "")
    return execution_id


@pytest.mark.parametrize("point", ["decided", "started"])
def test_a_step_that_was_lost_for_too_long_is_told(
    lenient: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    execution_id = lost_for_too_long(lenient, monkeypatch, point)
    with transaction(lenient.services.engine) as session:
        back = rollback_of(session, execution_id)
        assert back is not None
        approval = session.get_one(Approval, back.approval_id)
        event = events_of(session, approval_id=approval.id)[-1]
        followed = follow_up_of(session, execution_id)
        log = log_of(session, back.id)
    assert (event.type, event.status) == ("rollback_settled", EventStatus.WARNING)
    assert "a person has to decide" in event.description
    assert followed.rollback is not None
    assert "a person has to decide" in followed.rollback.message
    assert log is not None
    assert log.status is LogStatus.FAILED
    told = Told(approval, back, Report.model_validate(back.report))
    message = message_of(told, "en")
    assert message.title.startswith("Not rolled back")
    assert "a person has to decide" in dict(message.facts)["Error"]
    assert "Look at the target" in dict(message.facts)["What to do"]
    assert (image_of(lenient), lenient.cluster.requests.mutations()) == (BAD, [])


def test_its_own_steps_tell_the_channels(lenient: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = lost_for_too_long(lenient, monkeypatch, "decided")
    run_steps(lenient.services, execution_id, runner="r1")
    with transaction(lenient.services.engine) as session:
        back = rollback_of(session, execution_id)
    assert back is not None
    steps = ledger(lenient, back.id)
    assert set(steps) == {StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG}
    assert {row.status for row in steps.values()} <= {StepStatus.DONE, StepStatus.SKIPPED}


def test_a_refusal_is_on_record_once_however_often_the_step_is_run(
    lenient: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = execution_id_of(made_worse(lenient))
    seeded(lenient, "registry.local/web:3.0.5")
    at_point(monkeypatch, "finished", die)
    with pytest.raises(Died):
        run_step(lenient.services, execution_id, StepName.ROLL_BACK, runner="dies")
    with transaction(lenient.services.engine) as session:
        session.execute(LEASES_END)
    step = run_one(lenient, execution_id, StepName.ROLL_BACK, runner="lives")
    assert step.status is StepStatus.SKIPPED
    assert "not as it was left" in (step.reason or "")
    with transaction(lenient.services.engine) as session:
        back = rollback_of(session, execution_id)
        assert back is not None
        types = [event.type for event in events_of(session, approval_id=back.approval_id)]
    assert types.count("rollback_settled") == 1
