"""One process at a time does what any of them could: the database keeps the others from it, and may call for it."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from countersign.errors import DatabaseUnavailable

LEAD = "SELECT pg_try_advisory_lock(%s)"
LISTEN = sql.SQL("LISTEN {}")


@dataclass(frozen=True)
class Duty:
    """What one process at a time does."""

    what: str
    """For sentences: "to start approvals"."""
    key: int
    """Any constant will do, as long as nobody else uses it in this database."""
    channel: str | None = None
    """Where the database tells that there is something to do, if it does."""


STARTING: Final = Duty("to start approvals", 0x6373746172746572, "countersign_approved")  # "cstarter" in ASCII
CHATTING: Final = Duty("to write to chats", 0x6373636861747321, "countersign_changed")  # "cschats!" in ASCII
ARCHIVING: Final = Duty("to archive", 0x6373617263686976)  # "csarchiv" in ASCII
DELIVERING: Final = Duty("to send to webhooks", 0x6373776562686F6F)  # "cswebhoo" in ASCII

BREAKING_GLASS: Final = Duty("to tell of break-glass", 0x6373676C61737321, "countersign_break_glass")
# "csglass!" in ASCII


class Leadership:
    """A connection of its own. The lock of the one who leads ends with it, however its process ends."""

    def __init__(self, engine: Engine, duty: Duty) -> None:
        """Raises DatabaseUnavailable."""
        self._duty = duty
        try:
            pooled = engine.raw_connection()
        except DBAPIError as error:
            raise DatabaseUnavailable(f"PostgreSQL cannot be reached {duty.what}") from error
        driver = pooled.driver_connection
        assert isinstance(driver, psycopg.Connection)
        pooled.detach()
        self._connection: psycopg.Connection[tuple[bool]] = driver
        self._connection.autocommit = True

    def lead(self) -> bool:
        """Become the one who does it, and listen; False where another process is. Raises DatabaseUnavailable."""
        try:
            row = self._connection.execute(LEAD, [self._duty.key]).fetchone()
            if row is None or not row[0]:
                return False
            if self._duty.channel is not None:
                self._connection.execute(LISTEN.format(sql.Identifier(self._duty.channel)))
        except psycopg.Error as error:
            raise self._lost(error) from None
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until there is something to do (True). Raises DatabaseUnavailable."""
        try:
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            raise self._lost(error) from None

    def close(self) -> None:
        """Give the lock up."""
        self._connection.close()

    def _lost(self, error: psycopg.Error) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"the connection {self._duty.what} was lost ({type(error).__name__})")
