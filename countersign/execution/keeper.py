"""A thread that goes on until it is closed: what goes wrong in a turn is logged once, and tried again."""

from collections.abc import Callable
from threading import Event, Thread
from typing import ClassVar, Final

from countersign.errors import CountersignError
from countersign.execution.services import Services
from countersign.logging import get_logger

LONGEST_WAIT_SECONDS: Final = 2.0
"""Between two looks of the one who leads, where nothing is told of a change."""
PAUSE_SECONDS: Final = 10.0
"""Between two turns: where there is nothing to keep, or another process leads."""
_log = get_logger(__name__)


class Keeper:
    """Takes turns until it is closed. `services` returns what is in force at the moment."""

    name: ClassVar[str]
    """The thread's."""
    later: ClassVar[str]
    """What is logged where a turn fails."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services, self._over = services, Event()
        self._thread = Thread(target=self._keep, name=self.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Begin nothing more, and wait for what is being sent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_WAIT_SECONDS + 1)

    def _turn(self) -> None:
        """Do what is to be done, until it is over or this process is not the one to do it."""
        raise NotImplementedError

    def _keep(self) -> None:
        said = ""
        while not self._over.is_set():
            try:
                self._turn()
                said = ""
            except Exception as error:  # noqa: BLE001 - the boundary: requests are answered whatever happens here
                reason = error.message if isinstance(error, CountersignError) else type(error).__name__
                if reason != said:
                    _log.warning(self.later, error=reason)
                said = reason
            self._over.wait(PAUSE_SECONDS)
