"""The ledger: a step is run by one at a time, in its order, ends once, and is kept when it fails for good."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from countersign.errors import NotFound, StaleFence
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import bury, open_letters, replay_due, replay_letters
from countersign.records.ledger import (
    NewStep,
    TakenStep,
    bury_exhausted,
    end_step,
    fail_step,
    keep_step,
    steps_due,
    steps_ready,
    take_step,
)
from countersign.records.states import StepName, StepStatus
from tests.aftermath.step_runner.place import FIRST, SECOND, THIRD, end_leases, executed, names, row


def take(engine: Engine, execution_id: UUID, name: StepName = FIRST, *, runner: str = "r1") -> TakenStep | None:
    with transaction(engine) as session:
        return take_step(session, execution_id, name, runner=runner, lease_seconds=60)


def taken(engine: Engine, execution_id: UUID, name: StepName = FIRST) -> TakenStep:
    step = take(engine, execution_id, name)
    assert step is not None
    return step


def end(engine: Engine, step: TakenStep) -> None:
    with transaction(engine) as session:
        end_step(session, step, result={"done": True})


def fail(engine: Engine, step: TakenStep, *, pause: float = 0) -> StepStatus:
    with transaction(engine) as session:
        return fail_step(session, step, error="it is broken", pause_seconds=pause)


def ready(engine: Engine, execution_id: UUID) -> tuple[StepName, ...]:
    with transaction(engine) as session:
        return steps_ready(session, execution_id)


def kill(engine: Engine, execution_id: UUID, *, replays: int = 6, pause: float = 0) -> None:
    """Use up a step's one attempt and keep its letter."""
    step = taken(engine, execution_id)
    assert fail(engine, step) is StepStatus.DEAD
    with transaction(engine) as session:
        bury(session, step.id, payload={"outcome": "success"}, pause_seconds=pause, replays=replays)


ONE_ATTEMPT = NewStep(FIRST, 1, max_attempts=1)


def test_of_many_runners_at_once_one_gets_the_step(engine: Engine) -> None:
    execution_id, together = executed(engine), Barrier(8)

    def go(number: int) -> TakenStep | None:
        together.wait()
        return take(engine, execution_id, runner=f"r{number}")

    with ThreadPoolExecutor(8) as pool:
        won = [step for step in pool.map(go, range(8)) if step is not None]
    assert [step.fence for step in won] == [1]


def test_a_step_waits_for_those_before_it_however_they_end(engine: Engine) -> None:
    execution_id = executed(
        engine, NewStep(FIRST, 1), NewStep(SECOND, 2, max_attempts=1), NewStep(THIRD, 3, after=(FIRST, SECOND))
    )
    assert ready(engine, execution_id) == (FIRST, SECOND)
    assert take(engine, execution_id, THIRD) is None
    end(engine, taken(engine, execution_id, FIRST))
    assert ready(engine, execution_id) == (SECOND,)
    assert fail(engine, taken(engine, execution_id, SECOND)) is StepStatus.DEAD
    assert ready(engine, execution_id) == (THIRD,)


def test_a_step_does_not_wait_for_one_that_its_execution_does_not_have(engine: Engine) -> None:
    execution_id = executed(engine, NewStep(THIRD, 3, after=(FIRST, SECOND)))
    assert ready(engine, execution_id) == (THIRD,)


def test_a_silent_runners_step_is_taken_again_and_its_late_end_refused(engine: Engine) -> None:
    execution_id = executed(engine)
    silent = taken(engine, execution_id)
    assert take(engine, execution_id) is None
    end_leases(engine)
    second = taken(engine, execution_id)
    assert second.fence == silent.fence + 1
    with pytest.raises(StaleFence):
        end(engine, silent)
    with pytest.raises(StaleFence):
        fail(engine, silent)
    end(engine, second)
    assert row(engine, execution_id).status is StepStatus.DONE


def test_a_step_that_has_ended_is_not_taken_again(engine: Engine) -> None:
    execution_id = executed(engine)
    end(engine, taken(engine, execution_id))
    end_leases(engine)
    assert take(engine, execution_id) is None
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.execute(text("UPDATE ledger_step SET status = 'pending', ended_at = NULL"))


def test_a_failed_attempt_is_tried_again_after_its_pause(engine: Engine) -> None:
    execution_id = executed(engine)
    assert fail(engine, taken(engine, execution_id), pause=3600) is StepStatus.PENDING
    assert take(engine, execution_id) is None
    end_leases(engine)
    assert taken(engine, execution_id).attempt == 2


def test_steps_of_lost_runners_are_due_and_those_of_live_ones_are_not(engine: Engine) -> None:
    lost, live = executed(engine), executed(engine)
    taken(engine, lost)
    end_leases(engine)
    taken(engine, live)
    with transaction(engine) as session:
        (due,) = steps_due(session)
    assert (due.execution_id, due.names) == (lost, (FIRST,))


def test_a_moment_is_left_to_the_run_of_a_step_that_has_not_begun_and_not_to_a_lost_one(engine: Engine) -> None:
    lost = executed(engine)
    taken(engine, lost)
    end_leases(engine)
    _about_to_begin = executed(engine)
    with transaction(engine) as session:
        (due,) = steps_due(session, older_than_seconds=60)
    assert due.execution_id == lost


def test_a_lease_that_has_just_ended_may_still_be_renewed_and_longer_so_at_each_attempt(engine: Engine) -> None:
    execution_id = executed(engine, NewStep(FIRST, 1, max_attempts=2))

    def over_for(seconds: float) -> tuple[int, int]:
        """Return how many count as due and as exhausted when the lease is over for so long."""
        with transaction(engine) as session:
            session.execute(
                text("UPDATE ledger_step SET due_at = clock_timestamp() - make_interval(secs => :s)"), {"s": seconds}
            )
            return len(steps_due(session)), len(bury_exhausted(session, error="lost"))

    taken(engine, execution_id)
    assert [over_for(4), over_for(5.1)] == [(0, 0), (1, 0)]
    taken(engine, execution_id)
    assert [over_for(9), over_for(10.1)] == [(0, 0), (0, 1)]


def test_a_step_is_kept_by_its_runner_alone(engine: Engine) -> None:
    execution_id = executed(engine)
    first = taken(engine, execution_id)
    end_leases(engine)
    with transaction(engine) as session:
        keep_step(session, first, lease_seconds=60)
    assert take(engine, execution_id) is None
    end_leases(engine)
    second = taken(engine, execution_id)
    with transaction(engine) as session, pytest.raises(StaleFence):
        keep_step(session, first, lease_seconds=60)
    end(engine, second)
    with transaction(engine) as session, pytest.raises(StaleFence):
        keep_step(session, second, lease_seconds=60)


def test_a_step_whose_runners_all_died_is_buried(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    step = taken(engine, execution_id)
    with transaction(engine) as session:
        assert bury_exhausted(session, error="lost") == ()
    end_leases(engine)
    with transaction(engine) as session:
        assert steps_due(session) == ()
        assert bury_exhausted(session, error="lost") == (step.id,)
    assert (row(engine, execution_id).status, row(engine, execution_id).error) == (StepStatus.DEAD, "lost")


def test_a_dead_step_is_kept_with_its_error(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    kill(engine, execution_id)
    with transaction(engine) as session:
        (letter,) = open_letters(session)
    assert (letter.execution_id, letter.name, letter.error) == (execution_id, FIRST, "it is broken")
    assert letter.payload == {"outcome": "success"}


def test_a_letter_is_replayed_by_itself_with_one_attempt(engine: Engine) -> None:
    execution_id = executed(engine, NewStep(FIRST, 1, max_attempts=3))
    for _ in range(3):
        step = taken(engine, execution_id)
        fail(engine, step)
    with transaction(engine) as session:
        bury(session, step.id, payload={}, pause_seconds=0, replays=6)
    with transaction(engine) as session:
        assert replay_due(session) == ((execution_id, FIRST),)
        assert replay_due(session) == ()
    assert fail(engine, taken(engine, execution_id)) is StepStatus.DEAD


def test_replays_by_themselves_have_an_end(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    for _ in range(3):
        kill(engine, execution_id, replays=2)
        with transaction(engine) as session:
            # The next one is twice as far away; a pause of nothing stays nothing.
            replayed = replay_due(session)
    assert replayed == ()
    with transaction(engine) as session:
        (letter,) = open_letters(session)
    assert (letter.replays, letter.next_replay_at) == (2, None)


def test_without_replays_a_letter_waits_for_a_person(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    kill(engine, execution_id, replays=0)
    with transaction(engine) as session:
        assert replay_due(session) == ()
        assert [letter.next_replay_at for letter in open_letters(session)] == [None]


def test_a_person_replays_with_all_attempts(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    kill(engine, execution_id, replays=0)
    with transaction(engine) as session:
        (letter,) = open_letters(session)
        assert names(replay_letters(session, [letter.id])) == {FIRST}
    assert row(engine, execution_id).attempts == 0


def test_letters_are_listed_and_replayed_by_kind(engine: Engine) -> None:
    executions = [executed(engine, ONE_ATTEMPT) for _ in range(2)]
    for execution_id in executions:
        kill(engine, execution_id)
    with transaction(engine) as session:
        assert open_letters(session, name=SECOND) == []
        letters = open_letters(session, name=FIRST)
        assert [letter.execution_id for letter in letters] == executions
        assert len(replay_letters(session, [letter.id for letter in letters])) == 2


def test_a_letter_of_a_step_that_was_done_after_all_is_put_away(engine: Engine) -> None:
    execution_id = executed(engine, ONE_ATTEMPT)
    kill(engine, execution_id)
    with transaction(engine) as session:
        (letter,) = open_letters(session)
        replay_letters(session, [letter.id])
    step = taken(engine, execution_id)
    with transaction(engine) as session:
        end_step(session, step, result={})
        assert open_letters(session) == []
    with pytest.raises(NotFound), transaction(engine) as session:
        replay_letters(session, [letter.id])
