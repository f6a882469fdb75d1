"""Moves what is closed and old enough into files, one file at a time.

For each file, in this order: its rows are read and written; the disk holds it; it is read back; one transaction puts
it on record, on the audit and on the timelines; then the rows that it holds, as they are read from it once more,
leave the tables in batches. Whoever dies on the way leaves every row in the tables, in a file that is on record, or
in both. The next one goes on with what is on record and not emptied. Nobody else archives meanwhile; if two did all
the same, a name is on record once, and a row leaves once.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from countersign.archive.files import Draft, Written, check, drop_drafts, held_rows, name_of
from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.records import archive as records
from countersign.records.archive import NewFile, Place
from countersign.records.archive_rows import StoredRow, attempts_before, let_go, rows_of
from countersign.records.database.engine import transaction
from countersign.records.forgetting import TABLES as FORGOTTEN
from countersign.records.forgetting import forget, forgettable
from countersign.records.leading import ARCHIVING, Leadership
from countersign.records.tables import ArchiveFile
from countersign.texts import text

APPROVALS_AT_A_TIME = 200
"""Read in one transaction."""
APPROVALS_IN_A_FILE = 5_000
ROWS_AT_A_TIME = 500
"""That leave in one transaction."""
_FIRST = UUID(int=0)


@dataclass(frozen=True)
class Moved:
    """A file whose rows have left the tables."""

    name: str
    rows: int
    """That have left now."""
    approvals: int
    size: int
    """Bytes of the file."""


@dataclass
class Estimate:
    """What would move."""

    approvals: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    """Bytes in the tables, without indexes."""

    def add(self, table: str, *, rows: int, size: int) -> None:
        """Count rows of a table in."""
        if rows:
            self.rows[table] += rows
            self.sizes[table] += size


def month_of(moment: datetime) -> datetime:
    """Return when the month of `moment` began, UTC. Pure."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return when the month after `month` begins. Pure."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


class Archiving:
    """One archive: a database, as the role that owns its tables, and the folder of its files."""

    def __init__(self, engine: Engine, folder: Path, *, by: str, patience: float = 5.0) -> None:
        """`patience`: seconds to wait for another one to end, since a killed one's connection lasts a moment."""
        self._engine = engine
        self._patience = patience
        self._folder = folder
        self._by = by

    def run(self, before: datetime) -> Iterator[Moved]:
        """Move every month that was over before the month of `before`, and tell of each file.

        Raises ConfigurationError: this role may not, or the folder cannot be written; DatabaseUnavailable: somebody
        else archives at this moment; NotFound, Tampered: a file that is on record and not emptied is not in the
        folder, or not what was written. Nothing of what is in no sound file has left then.
        """
        self._require_right()
        with self._alone():
            if self._folder.is_dir():
                drop_drafts(self._folder)
            for file in self._not_emptied():
                yield self._empty(file)
            for month in self._months(before):
                after: Place | None = Place(month, _FIRST)
                while after is not None:
                    name, after = self._write(month, month_of(before), after)
                    if name is not None:
                        yield self._empty(self._on_record(name))

    def forget(self) -> dict[str, int]:
        """Delete answers, codes and sessions that have served their time; return how many of each."""
        self._require_right()
        found = {}
        for table in FORGOTTEN:
            found[table] = 0
            while gone := self._forget_some(table):
                found[table] += gone
        return found

    def estimate(self, before: datetime) -> Estimate:
        """Return what `run` and `forget` would take out of the tables. Nothing is written."""
        found = Estimate()
        for month in self._months(before):
            place: Place | None = Place(month, _FIRST)
            while place is not None:
                closed = self._closed(month, month_of(before), place)
                place = closed[-1] if len(closed) == APPROVALS_AT_A_TIME else None
                found.approvals += len(closed)
                for row in self._rows(closed):
                    found.add(row.table, rows=1, size=row.size)
        for row in self._attempts(month_of(before)):
            found.add(row.table, rows=1, size=row.size)
        with transaction(self._engine) as session:
            for table in FORGOTTEN:
                rows, size = forgettable(session, table)
                found.add(table, rows=rows, size=size)
        return found

    def _require_right(self) -> None:
        with transaction(self._engine) as session:
            if records.may_archive(session):
                return
        raise ConfigurationError(
            "this role may not take rows out of the tables",
            hint="set COUNTERSIGN_DATABASE_OWNER_URL to the database as the role that owns them, as for "
            "`countersign migrate`",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        leadership = Leadership(self._engine, ARCHIVING)
        try:
            give_up = time.monotonic() + self._patience
            while not leadership.lead():
                if time.monotonic() < give_up:
                    time.sleep(0.1)
                    continue
                raise DatabaseUnavailable("another process archives at this moment", hint="let it end")
            yield
        finally:
            leadership.close()

    def _months(self, before: datetime) -> Iterator[datetime]:
        with transaction(self._engine) as session:
            first = records.oldest(session)
        month = month_of(before) if first is None else month_of(first)
        while next_month(month) <= month_of(before):
            yield month
            month = next_month(month)

    def _write(self, month: datetime, before: datetime, after: Place) -> tuple[str | None, Place | None]:
        """Write a file, and put it on record. Returns its name, None where nothing moves; and where the month goes
        on, None at its end.
        """
        draft: Draft | None = None
        approvals: list[UUID] = []
        place: Place | None = after
        try:
            while place is not None and len(approvals) < APPROVALS_IN_A_FILE:
                closed = self._closed(month, before, place)
                place = closed[-1] if len(closed) == APPROVALS_AT_A_TIME else None
                approvals += [each.approval_id for each in closed]
                for row in self._rows(closed):
                    draft = draft or Draft(self._folder, month.date())
                    draft.add(row)
            if after.approval_id == _FIRST:
                for row in self._attempts(next_month(month)):
                    draft = draft or Draft(self._folder, month.date())
                    draft.add(row)
            if draft is None:
                return None, place
            name = self._free_name(month.date())
            self._put_on_record(name, month.date(), draft.keep(name), approvals)
            return name, place
        finally:
            if draft is not None:
                draft.drop()

    def _put_on_record(self, name: str, month: date, written: Written, approvals: Sequence[UUID]) -> None:
        file = NewFile(name, month, written.sha256, written.size, written.rows, approvals)
        with transaction(self._engine) as session:
            records.add_file(session, file, title=text("archive.moved"), by=self._by)

    def _empty(self, file: ArchiveFile) -> Moved:
        """Have the file's rows leave, as they are read from the file."""
        assert file.id is not None
        path = self._folder / file.name
        check(path, sha256=file.sha256)
        gone = 0
        held = held_rows(path)
        while rows := list(islice(held, ROWS_AT_A_TIME)):
            with transaction(self._engine) as session:
                gone += let_go(session, file.id, [(row.table, row.content) for row in rows])
        with transaction(self._engine) as session:
            records.mark_emptied(session, file.id)
        return Moved(file.name, gone, file.approvals, file.bytes)

    def _closed(self, month: datetime, before: datetime, after: Place) -> Sequence[Place]:
        with transaction(self._engine) as session:
            return records.closed_approvals(
                session,
                since=month,
                until=next_month(month),
                before=before,
                after=after,
                limit=APPROVALS_AT_A_TIME,
            )

    def _rows(self, closed: Sequence[Place]) -> Sequence[StoredRow]:
        if not closed:
            return []
        with transaction(self._engine) as session:
            return rows_of(session, [each.approval_id for each in closed])

    def _attempts(self, before: datetime) -> Iterator[StoredRow]:
        after: int | None = 0
        while after is not None:
            with transaction(self._engine) as session:
                rows, after = attempts_before(session, before, after=after, limit=ROWS_AT_A_TIME)
            yield from rows

    def _not_emptied(self) -> Sequence[ArchiveFile]:
        with transaction(self._engine) as session:
            return [file for file in records.files(session) if file.emptied_at is None]

    def _on_record(self, name: str) -> ArchiveFile:
        with transaction(self._engine) as session:
            found = records.file_named(session, name)
        assert found is not None
        return found

    def _free_name(self, month: date) -> str:
        with transaction(self._engine) as session:
            taken = sum(file.month == month for file in records.files(session))
        return name_of(month, taken + 1)

    def _forget_some(self, table: str) -> int:
        with transaction(self._engine) as session:
            return forget(session, table, limit=ROWS_AT_A_TIME)
