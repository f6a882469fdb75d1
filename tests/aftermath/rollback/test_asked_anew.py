"""A rollback that was begun and of which nothing took effect is decided anew by whoever takes it over."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from countersign.aftermath.step_runner import run_step
from countersign.policy.rollback import RollbackRule
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.holds import held_keys
from countersign.records.journal import entries
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import LogStatus, StepName, StepStatus
from countersign.records.tables import Execution
from tests.aftermath.following import execution_id_of, ledger, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, image_of, made_worse, recovers, seeded, touched
from tests.aftermath.rollback.test_killed import LEASES_END, Died, at_point, die
from tests.execution.conftest import Office


def kill_switch_on(office: Office) -> Office:
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="alice", reason="incident 7")
    return office


def policy_changes(office: Office) -> Office:
    return office.with_policy(office.services.policy.model_copy(update={"rollback": RollbackRule()}))


def somebody_repairs(office: Office) -> Office:
    seeded(office, "registry.local/web:3.0.5")
    return office


def somebody_works_on_it(office: Office) -> Office:
    touched(office)
    return office


def it_recovers(office: Office) -> Office:
    recovers(office)
    return office


def time_passes(office: Office) -> Office:
    return office.with_settings(rollback_within_seconds=0.001)


AGAINST: dict[Callable[[Office], Office], str] = {
    kill_switch_on: "incident 7",
    policy_changes: "does not roll back",
    somebody_repairs: "not as it was left",
    somebody_works_on_it: "changed by somebody else",
    it_recovers: "healthy",
    time_passes: "ended more than",
}


def begun(office: Office, monkeypatch: pytest.MonkeyPatch, point: str) -> UUID:
    """Let the process that rolls back die at `point`; its leases are over."""
    execution_id = execution_id_of(made_worse(office))
    at_point(monkeypatch, point, die)
    with pytest.raises(Died):
        run_step(office.services, execution_id, StepName.ROLL_BACK, runner="dies")
    with transaction(office.services.engine) as session:
        session.execute(LEASES_END)
        session.execute(text("UPDATE execution SET lease_until = clock_timestamp() WHERE settled_at IS NULL"))
    return execution_id


def rollback(office: Office, execution_id: UUID) -> Execution:
    with transaction(office.services.engine) as session:
        found = rollback_of(session, execution_id)
    assert found is not None
    return found


# Once a request may have been sent, an object that others changed tells nothing any more: test_unknown.py.
CASES = [("started", each) for each in AGAINST] + [
    ("intent", each) for each in AGAINST if each not in (somebody_repairs, somebody_works_on_it)
]


@pytest.mark.parametrize(("point", "happens"), CASES, ids=[f"{point}-{each.__name__}" for point, each in CASES])
def test_what_speaks_against_it_now_ends_it(
    lenient: Office, monkeypatch: pytest.MonkeyPatch, point: str, happens: Callable[[Office], Office]
) -> None:
    execution_id = begun(lenient, monkeypatch, point)
    before = image_of(lenient)
    office = happens(lenient)
    after = image_of(office)
    step = run_one(office, execution_id, StepName.ROLL_BACK, runner="lives")
    assert step.status is StepStatus.SKIPPED, step.result or step.error
    assert AGAINST[happens] in (step.reason or "")
    assert (before, image_of(office)) == (BAD, after)
    assert office.cluster.requests.mutations() == []
    back = rollback(office, execution_id)
    assert back.outcome == "blocked"
    assert AGAINST[happens] in (back.error or "")
    with transaction(office.services.engine) as session:
        log = log_of(session, back.id)
        assert held_keys(session, back.id) == frozenset()
        assert len([each for each in entries(session, back.id) if each.kind == "intent"]) == (point == "intent")
    assert log is not None
    assert log.status is LogStatus.FAILED
    assert set(ledger(office, back.id)) == {StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG}


def test_what_landed_is_not_asked_about_again(lenient: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = begun(lenient, monkeypatch, "sent")
    step = run_one(kill_switch_on(lenient), execution_id, StepName.ROLL_BACK, runner="lives")
    assert (step.result or {})["outcome"] == "success"
    assert (image_of(lenient), rollback(lenient, execution_id).outcome) == (GOOD, "success")
