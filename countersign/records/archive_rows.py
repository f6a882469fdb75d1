"""Which rows move to the archive's files, how they are read, and how exactly those that a file holds leave.

A row leaves only where it is to the last value what the file holds: what was changed or added since it was read
stays, and is moved another time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause
from sqlmodel import Session

ARCHIVED: Final = "archived"
"""The type of the timeline's event that says where the others are; it stays."""


@dataclass(frozen=True)
class StoredRow:
    """One row as PostgreSQL spells it."""

    table: str
    approval_id: UUID | None
    """None for what is about no approval."""
    content: str
    """JSON."""
    size: int
    """Bytes in the table, without indexes."""


@dataclass(frozen=True)
class _Moving:
    """A table whose rows move. Strings are SQL over `record`."""

    table: str
    key: str = "id"
    key_type: str = "uuid"
    approval: str = "execution.approval_id"
    rows: str = "JOIN execution ON execution.id = record.execution_id"
    """What `approval` is found by."""
    moves: str = "true"
    """Which of an approval's rows."""
    stays: str = ""
    """Where a row stays without its content: the columns that are emptied."""
    kept: str = "false"
    """Which rows stay so."""


# In the order in which they leave: a letter refers to its step.
_OF_APPROVALS: Final = (
    _Moving("dead_letter"),
    _Moving("delivery"),
    # The verdict stays: lists, incidents and trust go by it.
    _Moving(
        "evidence_snapshot",
        moves="(record.verdict IS NULL OR record.objects <> '{}' OR record.verification IS NOT NULL)",
        stays="objects = '{}', verification = NULL",
        kept="record.verdict IS NOT NULL",
    ),
    _Moving("ledger_step"),
    _Moving("automation_operation_log", approval="record.approval_id", rows=""),
    _Moving(
        "timeline_event",
        key="seq",
        key_type="bigint",
        approval="record.approval_id",
        rows="",
        moves=f"record.type <> '{ARCHIVED}'",
    ),
)
_OF_WEBHOOKS: Final = _Moving("webhook_delivery", key="seq", key_type="bigint")

TABLES: Final = tuple(each.table for each in (*_OF_APPROVALS, _OF_WEBHOOKS))
"""Whose rows move, in the order in which they leave."""


def _reading(moving: _Moving) -> TextClause:
    return text(f"""
        SELECT {moving.approval} AS approval_id, to_jsonb(record)::text AS content, pg_column_size(record.*) AS size
        FROM {moving.table} AS record {moving.rows}
        WHERE {moving.approval} = ANY (:approvals) AND {moving.moves} ORDER BY record.{moving.key}
    """)  # noqa: S608 - constants of this module


def _leaving(moving: _Moving) -> tuple[TextClause, ...]:
    held = "jsonb_array_elements(CAST(:rows AS jsonb)) AS held (content)"
    same = f"""
        record.{moving.key} = CAST(held.content ->> '{moving.key}' AS {moving.key_type})
        AND to_jsonb(record) = held.content
    """
    statements = [f"DELETE FROM {moving.table} AS record USING {held} WHERE {same} AND NOT ({moving.kept})"]  # noqa: S608
    if moving.stays:
        statements.append(f"UPDATE {moving.table} AS record SET {moving.stays} FROM {held} WHERE {same}")  # noqa: S608
    return tuple(map(text, statements))


_READ: Final = [(moving.table, _reading(moving)) for moving in _OF_APPROVALS]
_LEAVE: Final = [(moving.table, _leaving(moving)) for moving in (*_OF_APPROVALS, _OF_WEBHOOKS)]

# Attempts to tell webhooks from before a time, oldest first. They are written in the order of their times.
_ATTEMPTS = text("""
    SELECT seq, at, to_jsonb(record)::text AS content, pg_column_size(record.*) AS size
    FROM webhook_delivery AS record
    WHERE seq > :after ORDER BY seq LIMIT :limit
""")

# Name the file that is being emptied, until the transaction ends.
_NAME_FILE = text("SELECT set_config('countersign.archive_file', :file, true)")


def rows_of(session: Session, approvals: Sequence[UUID]) -> Sequence[StoredRow]:
    """Return what moves of these approvals, one approval after the other, each in the order in which it leaves."""
    found: dict[UUID, list[StoredRow]] = {each: [] for each in approvals}
    for table, statement in _READ:
        for row in session.execute(statement, {"approvals": list(approvals)}):
            found[row.approval_id].append(StoredRow(table, row.approval_id, row.content, row.size))
    return [row for rows in found.values() for row in rows]


def attempts_before(
    session: Session, before: datetime, *, after: int, limit: int
) -> tuple[Sequence[StoredRow], int | None]:
    """Return attempts to tell webhooks from before a time, those after row `after`; and where to go on, None at the
    end.
    """
    rows = session.execute(_ATTEMPTS, {"after": after, "limit": limit}).all()
    old = [row for row in rows if row.at < before]
    whole = len(rows) == limit and len(old) == limit
    return [StoredRow("webhook_delivery", None, row.content, row.size) for row in old], rows[
        -1
    ].seq if whole else None


def let_go(session: Session, file_id: int, held: Sequence[tuple[str, str]]) -> int:
    """Have the rows leave that the file holds (table and content); return how many were there as they are held."""
    session.execute(_NAME_FILE, {"file": str(file_id)})
    gone = 0
    for table, statements in _LEAVE:
        contents = [content for name, content in held if name == table]
        if not contents:
            continue
        for statement in statements:
            gone += session.execute(statement, {"rows": f"[{','.join(contents)}]"}).rowcount  # type: ignore[attr-defined]
    return gone


def value_of(content: str) -> dict[str, object]:
    """Return a row's columns."""
    found: dict[str, object] = json.loads(content)
    return found
