"""Compares the records with the audit: which of them no row tells of, which differ, which are told of and gone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Engine, text
from sqlalchemy.sql.elements import TextClause
from sqlmodel import Session

from countersign.records.audit_source import Source

# The last row that tells of a record against the record. What was adopted has no digest to compare.
_COMPARE = """
    WITH told AS (
        SELECT DISTINCT ON (about) about, id, chain, details ->> 'digest' AS digest
        FROM audit_event
        WHERE starts_with(about, '{name}:') AND event IN ({events})
        ORDER BY about, id DESC
    ), found AS (
        SELECT {about} AS about, CAST({chain} AS text) AS chain, {digest} AS digest, ({must}) AS must FROM {rows}
    )
    SELECT coalesce(told.about, found.about) AS about, coalesce(told.chain, found.chain) AS chain, told.id,
           told.about IS NOT NULL AS is_told, found.about IS NOT NULL AS is_there
    FROM told FULL JOIN found ON found.about = told.about
    WHERE (told.about IS NULL AND found.must) OR found.about IS NULL OR found.digest <> told.digest
    ORDER BY 1 LIMIT :limit
"""

# Every approval's status.
STATUSES = text("SELECT id::text AS chain, status FROM approval")

# Every switch.
SWITCHES = text("SELECT name, is_on FROM control")


@dataclass(frozen=True)
class Difference:
    """A record and the audit that disagree."""

    about: str
    chain: str
    event_id: int | None
    """The row that tells of it; None where none does."""
    is_there: bool


@contextmanager
def snapshot(engine: Engine) -> Iterator[Session]:
    """Open a transaction that sees one moment of the records, and changes nothing."""
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection,
        Session(connection) as session,
    ):
        yield session


def differences(session: Session, source: Source, *, limit: int) -> Sequence[Difference]:
    """Return the records of `source` and the audit's rows that do not fit, at most `limit`."""
    rows = session.execute(_comparing(source), {"limit": limit}).all()
    return [Difference(row.about, row.chain, row.id if row.is_told else None, row.is_there) for row in rows]


def statuses(session: Session) -> Iterator[tuple[str, str]]:
    """Return the chain and status of every approval, streamed."""
    for row in session.execute(STATUSES, execution_options={"yield_per": 5_000}):
        yield row.chain, row.status


def switches(session: Session) -> dict[str, bool]:
    """Return which switches are on."""
    return {row.name: row.is_on for row in session.execute(SWITCHES)}


@cache
def _comparing(source: Source) -> TextClause:
    events = ", ".join(f"'{event}'" for event in (*(event.value for event in source.events), "audit:record:adopted"))
    return text(
        _COMPARE.format(
            name=source.name,
            events=events.replace(":", r"\:"),
            about=source.about.replace(":", r"\:"),
            chain=source.chain.replace("::", r"\:\:"),
            digest=source.digest.replace("::", r"\:\:"),
            must=source.must,
            rows=source.rows,
        )
    )
