"""One run's connections between its phases: what planning connected to and read, performing uses again."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.ssh import Sessions

KEPT_SECONDS = 15
"""How long connections wait for the next phase. One that comes later, as after a wait for a retry, makes its own."""


class KeptSessions:
    """Sessions that outlive the phase that opened them, for a moment."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: Sessions | None = None
        self._end: Timer | None = None

    @contextmanager
    def open(self, fleet: FleetSettings) -> Iterator[Sessions]:
        """Give the kept sessions, or new ones where there are none of this very fleet; keep them unless it fails."""
        sessions = self._taken()
        if sessions is not None and sessions.fleet != fleet:
            sessions.close()
            sessions = None
        sessions = sessions or Sessions(fleet)
        try:
            yield sessions
        except BaseException:
            sessions.close()
            raise
        self._keep(sessions)

    def close(self) -> None:
        """Close what is kept."""
        sessions = self._taken()
        if sessions is not None:
            sessions.close()

    def _taken(self) -> Sessions | None:
        with self._lock:
            if self._end is not None:
                self._end.cancel()
            sessions, self._kept, self._end = self._kept, None, None
            return sessions

    def _keep(self, sessions: Sessions) -> None:
        self.close()
        with self._lock:
            self._kept = sessions
            self._end = Timer(KEPT_SECONDS, self.close)
            self._end.daemon = True
            self._end.start()
