"""A bounded number of runs is on its way to an outcome, in the order in which they were scheduled."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from logging import getLogger
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Completed, Scheduled

from countersign.worker import line as lines
from countersign.worker.declared import Declared
from countersign.worker.line import Line
from countersign.worker.turns import Answer, InTurn, Place, Turns, in_turn

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def place(number: int) -> Place:
    return NOW + timedelta(seconds=number), UUID(int=number + 1)


@given(st.permutations(range(8)), st.integers(1, 4))
def test_whoever_was_scheduled_first_has_the_first_turn(arrivals: list[int], number: int) -> None:
    async def play() -> tuple[list[int], int]:
        turns, order, at_once, most = Turns(number), list[int](), 0, 0
        full = [await turns.take(place(100 + each)) for each in range(number)]

        async def run(which: int) -> None:
            nonlocal at_once, most
            turn = await turns.take(place(which))
            order.append(which)
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            turn.end()

        runs = [asyncio.create_task(run(which)) for which in arrivals]
        await asyncio.sleep(0.001)
        for turn in full:
            turn.end()
        await asyncio.gather(*runs)
        return order, most

    order, most = asyncio.run(play())
    # Those of one moment begin in any order.
    assert all(abs(which - position) < number for position, which in enumerate(order)), order
    assert most <= number


async def test_what_follows_an_outcome_waits_until_nobody_is_in_line() -> None:
    turns = Turns(1)
    first = await turns.take(place(0))
    second, third = (asyncio.create_task(turns.take(place(number))) for number in (1, 2))
    await asyncio.sleep(0.01)
    first.end()
    follows = asyncio.create_task(first.others_first(600))
    turn = await second
    await asyncio.sleep(0.01)
    assert not follows.done()
    turn.end()
    await asyncio.wait_for(follows, 60)
    (await third).end()
    # Nobody is in line.
    await asyncio.wait_for(first.others_first(600), 60)


async def test_what_follows_an_outcome_waits_for_others_no_longer_than_it_may() -> None:
    turns = Turns(1)
    first = await turns.take(place(0))
    second, third = (asyncio.create_task(turns.take(place(number))) for number in (1, 2))
    await asyncio.sleep(0.01)
    # A run that has its turn waits for nobody.
    await asyncio.wait_for(first.others_first(600), 60)
    first.end()
    await asyncio.wait_for(first.others_first(0.01), 60)
    assert second.done()
    assert not third.done()
    (await second).end()
    (await third).end()


async def test_whoever_waits_lets_others_go_on_and_comes_before_those_who_came_later() -> None:
    turns = Turns(1)
    first = await turns.take(place(1))
    second = asyncio.create_task(turns.take(place(2)))
    third = asyncio.create_task(turns.take(place(3)))
    await asyncio.sleep(0)
    first.leave()
    turn = await second
    again = asyncio.create_task(first.again())
    await asyncio.sleep(0)
    assert not again.done()
    turn.end()
    await again
    assert not third.done()
    first.end()
    first.end()
    await third


async def test_a_turn_that_is_over_is_not_waited_for() -> None:
    turns = Turns(1)
    turn = await turns.take(place(1))
    turn.end()
    await turns.take(place(2))
    await turn.again()


async def test_whoever_gives_up_waiting_keeps_no_turn() -> None:
    turns = Turns(1)
    first = await turns.take(place(1))
    waiting = [asyncio.create_task(turns.take(place(number))) for number in (2, 3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    first.end()
    # It is given its turn at the moment in which it gives up.
    await waiting[1]


async def test_whoever_gave_up_waiting_may_wait_again() -> None:
    turns = Turns(1)
    first = await turns.take(place(1))
    waiting = asyncio.create_task(turns.take(place(2)))
    await asyncio.sleep(0)
    waiting.cancel()
    again = asyncio.create_task(turns.take(place(2)))
    await asyncio.sleep(0)
    first.end()
    await again


# --- the line ---------------------------------------------------------------------------------------------


class Told:
    """Prefect's client, as far as the line asks it: what it reads is handed in, what it tells is kept."""

    def __init__(self) -> None:
        self.states: dict[UUID, State[Any]] = {}
        self.deployments_read = 0

    async def read_deployment(self, deployment_id: UUID) -> DeploymentResponse:
        self.deployments_read += 1
        return DeploymentResponse(id=deployment_id, name="d", flow_id=uuid4(), entrypoint="tests.flow")

    async def set_flow_run_state(self, flow_run_id: UUID, state: State[Any]) -> None:
        self.states[flow_run_id] = state


class Known:
    """What the records know of subjects."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked = 0
        self.answer: Callable[[Collection[str]], Mapping[str, Answer]] = self.known

    def __call__(self, subjects: Collection[str]) -> Mapping[str, Answer]:
        return self.answer(subjects)

    def known(self, subjects: Collection[str]) -> Mapping[str, Answer]:
        self.asked += 1
        return {subject: self.answers[subject] for subject in subjects if subject in self.answers}


class Source:
    def __init__(self, known: Known) -> None:
        @flow
        @in_turn(InTurn(subject=lambda given: given.get("about"), answers=known))
        async def taking_turns(about: str) -> None: ...

        self.flow = taking_turns

    def load(self, _declared: Declared) -> Any:
        return self.flow


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
def client() -> Any:
    return Told()


@pytest.fixture
def line(known: Known, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(lines, "declared", lambda: {"tests.flow": Declared("tests", "flow")})
    source: Any = Source(known)
    return Line(2, source, getLogger())


DEPLOYMENT = uuid4()


def run(about: str, number: int = 0) -> FlowRun:
    return FlowRun(
        flow_id=uuid4(),
        deployment_id=DEPLOYMENT,
        parameters={"about": about},
        state=Scheduled(),
        next_scheduled_start_time=NOW + timedelta(seconds=number),
    )


async def test_of_many_runs_of_one_subject_the_first_begins(line: Line, client: Any) -> None:
    runs = [run("a", number) for number in range(500)]
    assert await line.due(client, list(reversed(runs)), begun=[]) == [runs[0]]
    assert await line.due(client, runs, begun=[runs[0].id]) == [runs[0]]
    assert client.deployments_read == 1


async def test_the_others_are_told_at_once_when_the_records_know(line: Line, client: Any, known: Known) -> None:
    runs = [run("a", number) for number in range(20)]
    await line.due(client, runs, begun=[])
    known.answers["a"] = Answer(Completed(name="Running"), str(runs[0].id))
    known.asked = 0
    assert await line.due(client, runs, begun=[runs[0].id]) == [runs[0]]
    assert set(client.states) == {each.id for each in runs[1:]}
    assert known.asked == 1


async def test_what_cannot_be_told_keeps_nobody_from_beginning(line: Line, client: Any, known: Known) -> None:
    def unreadable(_subjects: Collection[str]) -> Mapping[str, Answer]:
        raise ValueError

    known.answer = unreadable
    mine = run("a")
    assert await line.due(client, [mine], begun=[]) == [mine]


async def test_a_run_that_the_records_tell_of_goes_on(line: Line, client: Any, known: Known) -> None:
    """It was suspended, or its worker died: nobody else ends it."""
    mine = run("a")
    known.answers["a"] = Answer(Completed(), str(mine.id))
    assert await line.due(client, [mine], begun=[]) == [mine]
    assert client.states == {}


async def test_a_run_that_was_cancelled_in_line_does_not_keep_the_next_from_its_turn(line: Line, client: Any) -> None:
    first, second = run("a", 0), run("a", 1)
    assert await line.due(client, [first, second], begun=[]) == [first]
    assert await line.due(client, [second], begun=[]) == [second]


async def test_a_run_that_left_without_an_outcome_is_followed_by_the_next(line: Line, client: Any) -> None:
    first, second = run("a", 0), run("a", 1)
    await line.due(client, [first, second], begun=[])
    line.left(first)
    assert await line.due(client, [second], begun=[first.id]) == [second]
