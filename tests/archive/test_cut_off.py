"""Whoever archives dies at any moment: each row is in the tables, in a sound file that is on record, or in both."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.archive import files as file_form
from countersign.archive import moving
from countersign.archive.files import check, held_rows
from countersign.archive.moving import Archiving
from countersign.archive.reading import look_at_all
from countersign.audit.verifying import verify
from countersign.records.approvals import add_signature, file_approval
from countersign.records.archive import files
from countersign.records.archive_rows import ARCHIVED, TABLES
from countersign.records.database.engine import transaction
from countersign.records.states import Decision
from tests.archive.history import AFTER_IT, executed, stored
from tests.records.builders import REQUEST, signed_by

PATIENCE = 60.0


class Died(BaseException):
    """The process is gone: nothing of it goes on, and nothing cleans up."""


def contents(engine: Engine) -> set[str]:
    """Return every row that moves, as it is in the tables; of a verdict whose evidence has moved, nothing."""
    moved = (f'"type": "{ARCHIVED}"', '"phase": "after", "objects": {}')
    found: set[str] = set()
    with engine.connect() as connection:
        for table in TABLES:
            rows = connection.execute(text(f"SELECT to_jsonb(record)::text FROM {table} AS record")).scalars()
            found |= {f"{table} {row}" for row in rows if not any(each in row for each in moved)}
    return found


def on_record(engine: Engine, folder: Path, *, but: Container[str] = ()) -> set[str]:
    """Return every row in a sound file that is on record; `but` names files that need not be looked at."""
    found: set[str] = set()
    with transaction(engine) as session:
        known = [file for file in files(session) if file.name not in but]
    for file in known:
        check(folder / file.name, sha256=file.sha256)
        found |= {f"{row.table} {row.content}" for row in held_rows(folder / file.name)}
    return found


@contextmanager
def dying_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Die at the `moment`th place: before or after a commit, and around what is done to the file."""
    passed = [0]

    def place() -> None:
        passed[0] += 1
        if passed[0] == moment:
            raise Died

    @contextmanager
    def watched(engine: Engine) -> Iterator[Session]:
        with transaction(engine) as session:
            yield session
            place()
        place()

    real_replace, real_fsync = Path.replace, os.fsync

    def replaced(self: Path, target: Path) -> Path:
        place()
        found = real_replace(self, target)
        place()
        return found

    def synced(descriptor: int) -> None:
        place()
        real_fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(moving, "transaction", watched)
        patched.setattr(moving, "ROWS_AT_A_TIME", 3)
        patched.setattr(Path, "replace", replaced)
        patched.setattr(os, "fsync", synced)
        # A process that died removes no draft.
        patched.setattr(file_form.Draft, "drop", lambda self: self._raw.close())
        yield passed


def test_at_any_moment_no_row_is_nowhere(
    engine: Engine, archiving: Archiving, folder: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    """Each moment of a run by itself; in the suite every third, with the whole matrix all of them."""
    moment, over = 1 - stride, False
    while not over:
        moment += stride
        executed(engine)
        before = contents(engine)
        older = {path.name for path in folder.glob("*.gz")}
        with dying_at(moment, monkeypatch):
            try:
                list(archiving.run(AFTER_IT))
                over = True
            except Died:
                pass
        kept = contents(engine) | on_record(engine, folder, but=older)
        assert before <= kept, (moment, before - kept)
        list(archiving.run(AFTER_IT))
        assert stored(engine) == {}
        assert before <= on_record(engine, folder, but=older)
    assert moment > 25
    assert [each.wrong for each in look_at_all(engine, folder) if each.wrong] == []
    assert list(folder.glob(".*")) == []
    assert verify(engine, verifier=None, saved=None).findings == ()


@pytest.fixture
def stride(request: pytest.FixtureRequest) -> int:
    return 1 if request.config.getoption("--whole-matrix", default=False) else 3


def rejected_long_ago(engine: Engine, count: int, *, days: int = 100) -> None:
    """File and reject so many requests, so many days ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    for _ in range(count):
        with transaction(engine) as session:
            filed = file_approval(session, replace(REQUEST), now=then)
            add_signature(session, filed.id, signed_by("bob", Decision.REJECT), now=then)
    with engine.begin() as connection:
        connection.execute(text("UPDATE approval SET updated_at = :then"), {"then": then})


def test_the_command_is_killed_while_rows_leave(
    engine: Engine, owner_url: str, archiving: Archiving, folder: Path
) -> None:
    rejected_long_ago(engine, 30)
    before = contents(engine)
    environment = {
        **os.environ,
        "COUNTERSIGN_DATABASE_URL": owner_url,
        "COUNTERSIGN_DATABASE_OWNER_URL": owner_url,
        "COUNTERSIGN_ARCHIVE_DIR": str(folder),
    }
    # Slow enough to be killed on the way: two rows leave at a time, and each time it is waited for a moment.
    program = (
        "import sys, time; from countersign.archive import moving; from countersign.cli import main; "
        "moving.ROWS_AT_A_TIME = 2; let_go = moving.let_go; "
        "moving.let_go = lambda *given: (time.sleep(0.05), let_go(*given))[1]; "
        "sys.argv[:] = ['countersign', 'archive', '--keep-days', '40', '--by', 'alice']; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
    give_up = time.monotonic() + PATIENCE
    while process.poll() is None and stored(engine).total() == len(before) and time.monotonic() < give_up:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    assert before == contents(engine) | on_record(engine, folder)
    assert 0 < len(contents(engine)) < len(before)
    until = moving.month_of(datetime.now(UTC) - timedelta(days=40))
    (moved,) = archiving.run(until)
    assert 0 < moved.rows < len(before)
    assert contents(engine) == set()
    assert on_record(engine, folder) == before
