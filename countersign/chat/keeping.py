"""The thread that keeps the chats: every web process tries, the database lets one of them do it."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from countersign.chat.showing import look
from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.leading import CHATTING, Leadership

LONGEST_WAIT_SECONDS: Final = 2.0
"""Between two looks, where nothing is told of a change."""
SECONDS_WITHOUT_CHATS: Final = 10.0
"""Between two looks at whether there are chats."""
MOST_NEWS: Final = 1_000
logger = get_logger(__name__)


class ChatKeeper:
    """Keeps the chats until it is closed. `services` returns what is in force at the moment."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services, self._over = services, Event()
        self._thread = Thread(target=self._keep, name="chats", daemon=True)

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
                if self._services().the_chats().chats:
                    self._lead()
                said = ""
            except Exception as error:  # noqa: BLE001 - the boundary: requests are answered whatever happens here
                reason = error.message if isinstance(error, CountersignError) else type(error).__name__
                if reason != said:
                    logger.warning("chats are told later", error=reason)
                said = reason
            self._over.wait(SECONDS_WITHOUT_CHATS)

    def _lead(self) -> None:
        leadership = Leadership(self._services().engine, CHATTING)
        try:
            if not leadership.lead():
                return
            while not self._over.is_set():
                services = self._services()
                if not services.the_chats().chats:
                    return
                look(services)
                if leadership.wait(LONGEST_WAIT_SECONDS):
                    # One look is enough for all that has happened until then.
                    any(not leadership.wait(0) for _ in range(MOST_NEWS))
        except ConfigurationError as error:
            logger.warning("chats are told later", error=error.message)
        finally:
            leadership.close()
