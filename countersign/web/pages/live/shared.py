"""Reading once for all who wait: of any number of streams that ask for the same, one reads and the others get it."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
MOST_KEPT: Final = 2_000


@dataclass
class _Reading(Generic[T]):
    began: float
    task: "asyncio.Task[T]"


@dataclass
class Shared(Generic[T]):
    """What was read last, by key. Belongs to one event loop."""

    _known: dict[Hashable, _Reading[T]] = field(default_factory=dict)

    async def get(self, key: Hashable, read: Callable[[], T], *, since: float) -> T:
        """Return what `read` returns, or what it returned for another one who asked, if that began after `since`."""
        known = self._known.get(key)
        if known is None or known.began < since or _failed(known.task):
            known = _Reading(time.monotonic(), asyncio.ensure_future(asyncio.to_thread(read)))
            self._known[key] = known
            while len(self._known) > MOST_KEPT:
                self._known.pop(next(iter(self._known)))
        # One who leaves does not end it for the others.
        return await asyncio.shield(known.task)


def shared_of(app: Any) -> Shared[Any]:
    """Return what the streams of an application share."""
    if not hasattr(app.state, "shared"):
        app.state.shared = Shared[Any]()
    found: Shared[Any] = app.state.shared
    return found


def _failed(task: "asyncio.Task[T]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
