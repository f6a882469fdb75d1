"""Who waits for a change of an approval hears of it: one thread of this process listens, for all pages and clients.

A notice that was missed (the database was away) is made good by looking again: whoever waits does so every few
seconds in any case.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Final

from sqlalchemy import Engine

from countersign.logging import get_logger
from countersign.records.change_notices import ChangeNotices

PAUSE_SECONDS: Final = 2.0
TURN_SECONDS: Final = 1.0
MOST_WAITING: Final = 1_000
"""Changes that one who is slow has not taken; older ones are dropped, since a later look shows them, too."""
_log = get_logger(__name__)


class Watch:
    """What one of those who wait has heard. Belongs to the event loop that made it."""

    def __init__(self, about: str | None) -> None:
        self._about, self._loop = about, asyncio.get_running_loop()
        self._heard: dict[str, None] = {}
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> tuple[str, ...]:
        """Wait for so long, or until something has changed; return the ids of what did, none when time is over."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return ()
        self._event.clear()
        heard = tuple(self._heard)
        self._heard.clear()
        return heard

    def tell(self, approval_id: str) -> None:
        """Hear of a change; called from the thread that listens."""
        if self._about in (None, approval_id):
            self._loop.call_soon_threadsafe(self._take, approval_id)

    def _take(self, approval_id: str) -> None:
        self._heard[approval_id] = None
        if len(self._heard) > MOST_WAITING:
            self._heard.pop(next(iter(self._heard)))
        self._event.set()


class Changes:
    """All of those who wait in this process."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._watches: set[Watch] = set()
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    @contextmanager
    def watch(self, approval_id: str | None = None) -> Iterator[Watch]:
        """Hear of changes about one approval, or about all of them."""
        watch = Watch(approval_id)
        with self._lock:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = Thread(target=self._listen, name="changes", daemon=True)
                self._thread.start()
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.discard(watch)

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PAUSE_SECONDS + TURN_SECONDS)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._hear()
            except Exception as error:  # noqa: BLE001  (the boundary of this thread, which has to go on)
                _log.warning("changes are not heard", error=type(error).__name__)
                self._stop.wait(PAUSE_SECONDS)

    def _hear(self) -> None:
        notices = ChangeNotices(self._engine())
        try:
            while not self._stop.is_set():
                for approval_id in notices.heard(TURN_SECONDS):
                    with self._lock:
                        watches = tuple(self._watches)
                    for watch in watches:
                        watch.tell(approval_id)
        finally:
            notices.close()
