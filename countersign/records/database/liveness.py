"""Whether a pooled connection still has its server, without asking the server each time.

A server that ends says so: its end of the socket is closed, and that can be seen from here. One that vanished without
a word cannot, so a connection that nobody used for a while is asked.
"""

import select
from time import monotonic
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

ASKED_AFTER_SECONDS: Final = 30.0
_USED_AT: Final = "used_at"
_READINGS: Final = 8


def refuse_dead_connections(engine: Engine) -> None:
    """Have connections looked at before they are used again; for one that is dead, the pool connects anew."""

    def used(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED_AT] = monotonic()

    def look(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        idle = monotonic() - entry.info.get(_USED_AT, monotonic())
        asked = idle < ASKED_AFTER_SECONDS or engine.dialect.do_ping(connection)
        if not asked or is_closed(connection.pgconn):
            raise InvalidatePoolError

    event.listen(engine, "checkin", used)
    event.listen(engine, "connect", used)
    event.listen(engine, "checkout", look)


def is_closed(connection: Any) -> bool:
    """Tell whether the server's end of a libpq connection (psycopg's PGconn) is closed, as far as it can be seen."""
    waiting = select.poll()
    waiting.register(connection.socket, select.POLLIN)
    for _ in range(_READINGS):
        if not waiting.poll(0):
            return False
        try:
            connection.consume_input()  # a notice, or the reason of the end and then the end
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not to be used again
            return True
    return bool(connection.status)  # ConnStatus.OK is 0
