"""Hearing from the database which approvals something has changed about: one connection for a whole process."""

from collections.abc import Iterator

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from countersign.errors import DatabaseUnavailable

LISTEN = "LISTEN countersign_changed"


class ChangeNotices:
    """A connection of its own, outside the pool."""

    def __init__(self, engine: Engine) -> None:
        """Raises DatabaseUnavailable."""
        try:
            pooled = engine.raw_connection()
        except DBAPIError as error:
            raise DatabaseUnavailable("PostgreSQL cannot be reached to listen for changes") from error
        driver = pooled.driver_connection
        assert isinstance(driver, psycopg.Connection)
        pooled.detach()
        self._connection: psycopg.Connection[tuple[object, ...]] = driver
        try:
            self._connection.autocommit = True
            self._connection.execute(LISTEN)
        except psycopg.Error as error:
            self._connection.close()
            raise _lost(error) from None

    def heard(self, seconds: float) -> Iterator[str]:
        """Yield the ids of approvals that changes of the next `seconds` are about. Raises DatabaseUnavailable."""
        try:
            for notice in self._connection.notifies(timeout=seconds):
                yield notice.payload
        except psycopg.Error as error:
            raise _lost(error) from None

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()


def _lost(error: psycopg.Error) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the connection that listens for changes was lost ({type(error).__name__})")
