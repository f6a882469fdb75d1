"""Hearing from the database that an approval may be started: one process at a time listens, and starts runs."""

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from countersign.errors import DatabaseUnavailable

LISTEN = "LISTEN countersign_approved"
LEAD = "SELECT pg_try_advisory_lock(%s)"
# Any constant will do, as long as nobody else uses it in this database ("cstarter" in ASCII).
LEADER_KEY = 0x6373746172746572


class ApprovedNotices:
    """A connection of its own. The lock of the one who starts runs ends with it, however its process ends."""

    def __init__(self, engine: Engine) -> None:
        """Raises DatabaseUnavailable."""
        try:
            pooled = engine.raw_connection()
        except DBAPIError as error:
            raise DatabaseUnavailable("PostgreSQL cannot be reached to listen for approvals") from error
        driver = pooled.driver_connection
        assert isinstance(driver, psycopg.Connection)
        pooled.detach()
        self._connection: psycopg.Connection[tuple[bool]] = driver
        self._connection.autocommit = True

    def lead(self) -> bool:
        """Become the one who starts runs, and listen; False where another process is. Raises DatabaseUnavailable."""
        try:
            row = self._connection.execute(LEAD, [LEADER_KEY]).fetchone()
            if row is None or not row[0]:
                return False
            self._connection.execute(LISTEN)
        except psycopg.Error as error:
            raise _lost(error) from None
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until an approval may be started (True). Raises DatabaseUnavailable."""
        try:
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            raise _lost(error) from None

    def close(self) -> None:
        """Give the lock up."""
        self._connection.close()


def _lost(error: psycopg.Error) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the connection that listens for approvals was lost ({type(error).__name__})")
