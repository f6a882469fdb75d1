"""Which of the rounds of reconciliation that are due at once does the work."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import FlowRun

from countersign.worker.run_starter import in_time
from flows.crowding import is_first

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def began(seconds_ago: int) -> FlowRun:
    return FlowRun(id=uuid4(), flow_id=uuid4(), name="r", start_time=NOW - timedelta(seconds=seconds_ago))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_of_any_number_of_rounds_at_once_one_is_the_first(ages: list[int]) -> None:
    running = [began(age) for age in ages]
    first = [run for run in running if is_first(run.id, running)]
    assert len(first) == 1
    assert first[0].start_time == min(run.start_time or NOW for run in running)


def test_a_round_that_the_server_does_not_show_yet_does_its_work() -> None:
    assert is_first(UUID(int=1), [began(5)])


def test_a_round_that_has_no_time_left_starts_one_run_and_leaves_the_rest_to_the_next() -> None:
    due = list(range(100))
    assert len(list(in_time(due, seconds=0))) == 1
    assert sorted(in_time(due)) == due


def test_those_that_wait_already_do_not_keep_the_rest_from_its_turn() -> None:
    """Of many rounds that get to one run each, not all get to the same one."""
    due = list(range(10))
    assert {next(iter(in_time(due, seconds=0))) for _ in range(200)} == set(due)
