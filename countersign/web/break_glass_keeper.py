"""The thread that ends break-glasses in time and tells every channel of them: one web process at a time does."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from countersign.aftermath.notifications.break_glass import look
from countersign.errors import CountersignError
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.leading import BREAKING_GLASS, Leadership

LONGEST_WAIT_SECONDS: Final = 2.0
"""Between two looks, where nothing is told of a change."""
SECONDS_WITHOUT_RULE: Final = 10.0
"""Between two looks where the policy lets nobody lift anything, and at whether this process is to look."""
_log = get_logger(__name__)


class BreakGlassKeeper:
    """Keeps them until it is closed. `services` returns what is in force at the moment."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services, self._over = services, Event()
        self._thread = Thread(target=self._keep, name="break-glass", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Begin nothing more, and wait for what is being sent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_WAIT_SECONDS + 1)

    def _keep(self) -> None:
        said = ""
        while not self._over.is_set():
            try:
                services = self._services()
                if services.policy.break_glass is None:
                    # What was open when the policy took its rule away is ended.
                    look(services)
                else:
                    self._lead()
                said = ""
            except Exception as error:  # noqa: BLE001 - the boundary: requests are answered whatever happens here
                reason = error.message if isinstance(error, CountersignError) else type(error).__name__
                if reason != said:
                    _log.warning("channels are told of break-glass later", error=reason)
                said = reason
            self._over.wait(SECONDS_WITHOUT_RULE)

    def _lead(self) -> None:
        """Look until it is over, if this process is the one to; return at once where another one is."""
        leadership = Leadership(self._services().engine, BREAKING_GLASS)
        try:
            if not leadership.lead():
                return
            while not self._over.is_set():
                services = self._services()
                look(services)
                if services.policy.break_glass is None:
                    return
                leadership.wait(LONGEST_WAIT_SECONDS)
        finally:
            leadership.close()
