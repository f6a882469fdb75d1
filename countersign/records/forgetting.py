"""What is forgotten some time after it has served: answers kept for repeated requests, used codes, ended sessions.

None of it tells what happened to an approval, and none of it goes to the archive: codes and sessions are ways in, and
an answer repeats what the records have.
"""

from typing import Final

from sqlalchemy import text
from sqlmodel import Session

FORGOTTEN_AFTER_DAYS: Final = 30

# What each has ended by. A key that is still being answered has no row yet.
_ENDED: Final = {
    "answered_request": "at",
    "login_code": "expires_at",
    "web_session": "least(expires_at, ended_at)",
}
_OLD: Final = {
    table: f"{ended} < clock_timestamp() - make_interval(days => :days)" for table, ended in _ENDED.items()
}
_COUNT: Final = {
    table: text(f"SELECT count(*), coalesce(sum(pg_column_size(record.*)), 0) FROM {table} AS record WHERE {old}")  # noqa: S608
    for table, old in _OLD.items()
}
_FORGET: Final = {
    table: text(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {old} LIMIT :limit))")  # noqa: S608
    for table, old in _OLD.items()
}

TABLES: Final = tuple(_ENDED)


def forgettable(session: Session, table: str, *, days: int = FORGOTTEN_AFTER_DAYS) -> tuple[int, int]:
    """Return how many rows of `table` have served their time, and their bytes."""
    row = session.execute(_COUNT[table], {"days": days}).one()
    return int(row[0]), int(row[1])


def forget(session: Session, table: str, *, limit: int, days: int = FORGOTTEN_AFTER_DAYS) -> int:
    """Delete at most `limit` rows of `table` that have served their time; return how many."""
    done = session.execute(_FORGET[table], {"days": days, "limit": limit})
    return int(done.rowcount)  # type: ignore[attr-defined]
