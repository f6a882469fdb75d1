"""At most one effect per step and a true outcome, whatever is lost, late, refused or killed on the way."""

from datetime import UTC, datetime
from threading import Event
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from countersign.actions.operation import KubernetesOperation, NoParameters, Verb
from countersign.errors import CountersignError, KillSwitchOn, PermanentTargetError, StaleFence, Stopped
from countersign.execution.conclusion import Conclusion, conclude
from countersign.execution.performance import Performance, progress_of
from countersign.execution.plan_seal import SealedJournal
from countersign.execution.run_state import Known
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.targets.classify import is_transient
from countersign.targets.model import Intent, Plan, Receipt, Step
from tests.execution.shelf import Died, Fault, Shelf
from tests.records import builders
from tests.sealed import SEAL

ATTEMPTS = 3
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def attempt(engine: Engine, owned: Owned, plan: Plan, shelf: Shelf, number: int, stop: Event | None = None) -> None:
    Performance(
        journal=SealedJournal(engine, SEAL, owned),
        owned=owned,
        plan=plan,
        target=shelf,
        attempt=number,
        lease_needed_seconds=0,
        late_effect_seconds=0,
        stop=stop or Event(),
        at=lambda _point: None,
    ).perform()


def run(engine: Engine, owned: Owned, plan: Plan, shelf: Shelf) -> CountersignError | None:
    """Perform as the flow does: up to three attempts, again only after a transient error."""
    for number in range(1, ATTEMPTS + 1):
        try:
            attempt(engine, owned, plan, shelf, number)
        except CountersignError as error:
            if not is_transient(error) or number == ATTEMPTS:
                return error
        else:
            return None
    raise AssertionError


def conclusion(engine: Engine, owned: Owned, plan: Plan, error: CountersignError | None) -> Conclusion:
    with transaction(engine) as session:
        approval = get_approval(session, _approval_of(engine, owned))
    known = Known(approval, owned, plan=plan)
    known.reading = KubernetesOperation(Verb.RESTART, "Deployment", ("api",), None, NoParameters())
    return conclude(error, known, progress_of(engine, SEAL, owned.execution_id, plan), dry_run=False)


def _approval_of(engine: Engine, owned: Owned) -> UUID:
    from countersign.records.queries import get_execution  # noqa: PLC0415

    with transaction(engine) as session:
        return get_execution(session, owned.execution_id).approval_id


@many
@given(faults=st.lists(st.sampled_from(Fault), max_size=8), count=st.integers(1, 3))
def test_no_step_takes_effect_twice_and_the_outcome_is_true(engine: Engine, faults: list[Fault], count: int) -> None:
    owned = builders.owned(engine)
    shelf = Shelf(faults=list(faults))
    plan = shelf.plan_of(count)
    error: CountersignError | None = None
    for _life in range(len(faults) + 1):
        try:
            error = run(engine, owned, plan, shelf)
            break
        except Died:
            shelf.arrive()
            builders.end_lease(engine, owned.execution_id)
            owned = builders.taken_over(engine, owned)
    ended = conclusion(engine, owned, plan, error)

    assert all(times <= 1 for times in shelf.effects.values())
    shelf.arrive()
    assert all(times <= 1 for times in shelf.effects.values())
    if ended.outcome is Outcome.SUCCESS:
        assert shelf.effects == dict.fromkeys(shelf.numbers, 1)
    if Fault.FOREIGN not in faults and Fault.LATE not in faults:
        # Nobody else touched the shelf, so it tells everything: no outcome may be unknown, none untrue.
        assert ended.outcome in (Outcome.SUCCESS, Outcome.FAILED)
        assert (ended.outcome is Outcome.SUCCESS) == (len(shelf.effects) == count)


def test_a_reply_that_is_lost_is_not_followed_by_a_second_request(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.REPLY_LOST])
    plan = shelf.plan_of(1)
    assert run(engine, owned, plan, shelf) is None
    assert shelf.sent == 1


def test_what_somebody_else_changed_meanwhile_is_unknown_and_never_repeated(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.FOREIGN])
    plan = shelf.plan_of(1)
    ended = conclusion(engine, owned, plan, run(engine, owned, plan, shelf))
    assert ended.outcome is Outcome.UNKNOWN
    assert shelf.sent == 1


def test_a_late_request_is_found_when_the_next_one_is_refused_for_it(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.LATE])
    plan = shelf.plan_of(1)
    ended = conclusion(engine, owned, plan, run(engine, owned, plan, shelf))
    assert ended.outcome is Outcome.SUCCESS
    assert shelf.effects == {"n0": 1}


def test_a_refusal_of_a_second_request_does_not_hide_that_the_first_took_effect(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.LATE, Fault.REFUSED])
    plan = shelf.plan_of(1)
    ended = conclusion(engine, owned, plan, run(engine, owned, plan, shelf))
    assert ended.outcome is Outcome.SUCCESS
    assert shelf.effects == {"n0": 1}


def test_the_kill_switch_stops_between_two_steps_and_the_record_says_how_far_it_came(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf()
    plan = shelf.plan_of(2)

    class Switching(Shelf):
        def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
            answer = super().apply(plan, step, intent)
            with transaction(engine) as session:
                set_kill_switch(session, True, by="alice", reason="stop")
            return answer

    switching = Switching(numbers=shelf.numbers)
    error = run(engine, owned, plan, switching)
    assert isinstance(error, KillSwitchOn)
    assert switching.sent == 1
    ended = conclusion(engine, owned, plan, error)
    assert ended.outcome is Outcome.FAILED
    assert "1 of 2" in ended.message


def test_a_run_that_lost_its_execution_sends_nothing(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf()
    plan = shelf.plan_of(1)
    builders.end_lease(engine, owned.execution_id)
    builders.taken_over(engine, owned)
    with pytest.raises(StaleFence):
        attempt(engine, owned, plan, shelf, 1)
    assert shelf.sent == 0


def test_a_cancelled_run_sends_nothing_more_and_is_called_cancelled(engine: Engine) -> None:
    owned, shelf, stop = builders.owned(engine), Shelf(), Event()
    plan = shelf.plan_of(1)
    stop.set()
    with pytest.raises(Stopped):
        attempt(engine, owned, plan, shelf, 1, stop)
    assert shelf.sent == 0
    assert conclusion(engine, owned, plan, Stopped()).outcome is Outcome.CANCELLED


def test_a_plan_without_steps_is_a_success_that_says_so(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf()
    plan = shelf.plan_of(0)
    assert run(engine, owned, plan, shelf) is None
    ended = conclusion(engine, owned, plan, None)
    assert ended.outcome is Outcome.SUCCESS
    assert ended.message.startswith("Already in the wanted state")
    assert plan.made_at <= datetime.now(UTC).isoformat()


def test_whoever_takes_over_asks_the_target_before_sending_again(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.DIES])
    plan = shelf.plan_of(1)
    with pytest.raises(Died):
        run(engine, owned, plan, shelf)
    owned = builders.taken_over(engine, owned)
    assert run(engine, owned, plan, shelf) is None
    assert shelf.sent == 1


def test_a_plan_with_a_deadline_asks_until_the_target_is_ready(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.NOT_YET] * 5)
    plan = shelf.plan_of(1, deadline_seconds=30)
    attempt(engine, owned, plan, shelf, 1)
    assert progress_of(engine, SEAL, owned.execution_id, plan).attempts == {"0-set": 6}
    assert shelf.effects == {"n0": 1}


def test_a_target_that_is_never_ready_is_a_failure_at_the_deadline(engine: Engine) -> None:
    owned, shelf = builders.owned(engine), Shelf(faults=[Fault.NOT_YET] * 5)
    plan = shelf.plan_of(1, deadline_seconds=0)
    with pytest.raises(PermanentTargetError, match="deadline"):
        attempt(engine, owned, plan, shelf, 1)


def test_the_kill_switch_ends_the_asking_too(engine: Engine) -> None:
    owned = builders.owned(engine)

    class Switching(Shelf):
        def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
            with transaction(engine) as session:
                set_kill_switch(session, True, by="alice", reason="stop")
            return super().apply(plan, step, intent)

    shelf = Switching(faults=[Fault.NOT_YET] * 5)
    with pytest.raises(KillSwitchOn):
        attempt(engine, owned, shelf.plan_of(1, deadline_seconds=30), shelf, 1)
    assert shelf.sent == 1
