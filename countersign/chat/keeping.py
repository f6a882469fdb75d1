"""The thread that keeps the chats: every web process tries, the database lets one of them do it."""

from typing import Final

from countersign.chat.showing import look
from countersign.errors import ConfigurationError
from countersign.execution.keeper import LONGEST_WAIT_SECONDS, Keeper
from countersign.logging import get_logger
from countersign.records.leading import CHATTING, Leadership

MOST_NEWS: Final = 1_000
logger = get_logger(__name__)


class ChatKeeper(Keeper):
    """Keeps the chats until it is closed."""

    name = "chats"
    later = "chats are told later"

    def _turn(self) -> None:
        if self._services().the_chats().chats:
            self._lead()

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
