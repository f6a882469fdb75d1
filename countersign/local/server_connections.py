"""How Prefect's server speaks with its database: what costs more than the work itself is left out.

Prefect has SQLAlchemy ask PostgreSQL by a transaction of its own whenever a connection is taken from the pool: three
round trips, several times a request. A server that ends closes its end, which asyncpg has heard by then.

asyncpg subtracts times from each other to write them. Of Prefect's own kind of time each subtraction takes 35 µs, of
the standard library's 0.1 µs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect.server.database.configurations import AsyncPostgresConfiguration
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection


class LookedAt(AsyncPostgresConfiguration):
    """Prefect's way to PostgreSQL, with connections that are looked at before they are used, not asked."""

    _made: AsyncEngine | None = None

    async def engine(self) -> AsyncEngine:
        """Return the engine of this event loop."""
        engine = await super().engine()
        if engine is not self._made:
            self._made = engine
            # SQLAlchemy calls it at each check-out.
            engine.dialect.do_ping = is_open  # type: ignore[method-assign, assignment]
            event.listen(engine.sync_engine, "before_cursor_execute", _with_plain_times, retval=True)
        return engine


def is_open(connection: DBAPIConnection | PoolProxiedConnection) -> bool:
    """Tell whether the server has not closed an asyncpg connection, as far as the event loop has heard."""
    return not connection.driver_connection.is_closed()  # type: ignore[union-attr]


def _with_plain_times(
    _connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, _executemany: bool
) -> tuple[str, Any]:
    """Return what is sent, with the same moments as plain values of the standard library."""
    # A statement's values are a tuple, also where it inserts many rows at once; those of executemany are a list.
    return statement, [plain(row) for row in given] if isinstance(given, list) else plain(given)


def plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a statement's values with times of subclasses of datetime as datetime."""
    return tuple(_plain(each) if isinstance(each, datetime) else each for each in row)


def _plain(at: datetime) -> datetime:
    if type(at) is datetime:
        return at
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, at.tzinfo, fold=at.fold)
