"""Turns: how many runs of a worker are on their way to an outcome at the same time, and in which order.

Runs that all begin at once all end last. So a worker lets a bounded number begin, in the order in which they were
scheduled; the others stay scheduled, for any worker. What a run waits for (a held target, another attempt's time) and
what follows its outcome needs no turn; what follows lets those in line go first for a while. A turn bounds work; it
never decides who may act: that is the claim.

A flow asks for turns by the decorator `in_turn`, and says whose turn it is by `turn_of_run`.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import Lock
from typing import Any, Final, TypeVar
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.flows import Flow

F = TypeVar("F", bound=Callable[..., Any])
Place = tuple[datetime, UUID]
"""When a run was to begin, and its id."""


@dataclass(frozen=True)
class Answer:
    """What a run is told that has nothing to do: another one is at its subject, or was."""

    state: State[Any]
    flow_run_id: str
    """The run that the state tells of. Itself, it is not to be told but to go on."""


@dataclass(frozen=True)
class InTurn:
    """How runs of a flow take turns."""

    subject: Callable[[Mapping[str, Any]], str | None]
    """What a run with these parameters is about, told apart from what other flows' are about: one run of a subject
    begins at a time. None for any number.
    """
    answers: Callable[[Collection[str]], Mapping[str, Answer]]
    """Of these subjects, those whose runs are told something instead of being begun. May block."""


def in_turn(how: InTurn) -> Callable[[F], F]:
    """Have runs of a flow's function take turns, in a worker that knows turns."""

    def decorate(function: F) -> F:
        function.in_turn = how  # type: ignore[attr-defined]
        return function

    return decorate


def turns_of(flow: Flow[..., Any]) -> InTurn | None:
    """Return how runs of `flow` take turns, None where they do not."""
    found = getattr(flow.fn, "in_turn", None)
    return found if isinstance(found, InTurn) else None


class Turns:
    """The turns of one process. Safe to use from several threads and event loops."""

    def __init__(self, number: int) -> None:
        """At most `number` at the same time."""
        self._free = number
        self._lock = Lock()
        self._line: list[tuple[Place, int, Future[None]]] = []
        self._last: list[Future[None]] = []
        self._came = count()  # one who gave up waiting is in line until their turn would come

    async def take(self, place: Place) -> "RunTurn":
        """Wait until it is the turn of whoever has `place`; those with an earlier one come first."""
        await self.take_again(place)
        return RunTurn(self, place)

    async def take_again(self, place: Place) -> None:
        """Wait as `take` does, for whoever has given the turn up meanwhile."""
        with self._lock:
            # Whoever is in line comes first, also where one is just being told.
            if self._free and not self._line:
                self._free -= 1
                return
            granted: Future[None] = Future()
            heapq.heappush(self._line, (place, next(self._came), granted))
        self._grant()
        try:
            await asyncio.wrap_future(granted)
        except asyncio.CancelledError:
            with self._lock:
                in_vain = granted.done() and not granted.cancelled()
                granted.cancel()
            if in_vain:
                self.give()
            raise

    async def others_first(self, seconds: float) -> None:
        """Wait until nobody is in line, for so long at most."""
        with self._lock:
            if not self._line:
                return
            nobody: Future[None] = Future()
            self._last.append(nobody)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.wrap_future(nobody)

    def give(self) -> None:
        """Give one turn back: the next in line has it."""
        with self._lock:
            self._free += 1
        self._grant()

    def _grant(self) -> None:
        with self._lock:
            while self._free and self._line:
                _place, _number, granted = heapq.heappop(self._line)
                if granted.set_running_or_notify_cancel():
                    self._free -= 1
                    granted.set_result(None)
            last, self._last = (self._last, []) if not self._line else ([], self._last)
        for each in last:
            if each.set_running_or_notify_cancel():
                each.set_result(None)


class RunTurn:
    """A turn that was taken."""

    def __init__(self, turns: Turns, place: Place) -> None:
        self._turns, self._place = turns, place
        self._has = True
        self.over = False
        """Whether the run needs no more turns: it has its outcome."""

    def end(self) -> None:
        """Let the next one begin. Harmless where it has ended."""
        self.over = True
        self.leave()

    def leave(self) -> None:
        """Let others go on until `again`. Harmless where they do."""
        if self._has:
            self._has = False
            self._turns.give()

    async def again(self) -> None:
        """Wait for the turn again, ahead of those who came later; at once where it was never left, or is over."""
        if not self._has and not self.over:
            await self._turns.take_again(self._place)
            self._has = True

    async def others_first(self, seconds: float) -> None:
        """Wait, once it has ended, until nobody is in line, for so long at most."""
        if self.over:
            await self._turns.others_first(seconds)


class NoTurn:
    """The turn of a run that needs none, and of runs where nobody counts turns."""

    def end(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""

    async def again(self) -> None:
        """Do nothing."""

    async def others_first(self, _seconds: float) -> None:
        """Do nothing."""


AnyTurn = RunTurn | NoTurn
NO_TURN: Final = NoTurn()
TURN: ContextVar[AnyTurn] = ContextVar("turn", default=NO_TURN)


def turn_of_run() -> AnyTurn:
    """Return the turn of the run that asks."""
    return TURN.get()
