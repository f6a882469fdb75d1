"""Holds the running role, or the folder of the archive's files: has history leave, or says that it is elsewhere."""

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from countersign.archive.moving import Archiving
from countersign.archive.reading import archived_rows, look_at_all
from countersign.errors import ConfigurationError, NotFound, Tampered
from countersign.records.archive_rows import TABLES
from countersign.records.database.engine import connect, transaction
from countersign.records.states import EventStatus
from countersign.records.timeline import add_event, events_of
from tests.archive.history import AFTER_IT, executed, stored
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail
from tests.databases import OWNER

__all__ = ["trail"]

FILE = """
    INSERT INTO archive_file (name, month, sha256, bytes, approvals, written_by)
    VALUES ('countersign-2026-01-1.jsonl.gz', '2026-01-01', repeat('a', 64), 1, 0, 'mallory')
"""


@pytest.fixture
def owner(all_rights: Engine) -> Engine:
    """The role that archives; nobody attacks with it."""
    url = all_rights.url.set(username=OWNER.name, password=OWNER.password.get_secret_value())
    return connect(url.render_as_string(hide_password=False), timeout=5)


@pytest.fixture
def archiving(owner: Engine, tmp_path: Path) -> Archiving:
    return Archiving(owner, tmp_path / "archive", by="alice")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {table}" for table in (*TABLES, "archive_file")),
        "UPDATE archive_file SET emptied_at = NULL",
        "UPDATE archive_file SET sha256 = repeat('b', 64)",
        FILE,
    ],
)
def test_the_running_role_has_nothing_leave_whatever_it_names(engine: Engine, statement: str) -> None:
    with engine.connect() as connection, pytest.raises(ProgrammingError) as refused:
        connection.execute(text("SELECT set_config('countersign.archive_file', '1', false)"))
        connection.execute(text(statement))
    assert getattr(refused.value.orig, "sqlstate", None) == "42501"


def test_the_running_role_does_not_archive(engine: Engine, all_rights: Engine, tmp_path: Path) -> None:
    executed(all_rights)
    before = stored(engine)
    with pytest.raises(ConfigurationError, match="may not take rows out"):
        list(Archiving(engine, tmp_path / "archive", by="mallory").run(AFTER_IT))
    assert stored(engine) == before
    assert not (tmp_path / "archive").exists()


def test_the_owner_deletes_nothing_by_hand(owner: Engine, all_rights: Engine, archiving: Archiving) -> None:
    """By mistake: nothing is being emptied, and what was emptied is over."""
    executed(all_rights)
    list(archiving.run(AFTER_IT))
    executed(all_rights)
    for table in TABLES:
        for named in ("", "1"):
            naming = text("SELECT set_config('countersign.archive_file', :named, true)")
            with owner.connect() as connection, pytest.raises(IntegrityError, match="leaves only while the file"):
                connection.execute(naming, {"named": named})
                connection.execute(text(f"DELETE FROM {table}"))
    owner.dispose()


def test_a_file_that_was_changed_before_its_rows_left_lets_nothing_leave(
    engine: Engine, all_rights: Engine, archiving: Archiving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed(all_rights)
    before = stored(engine)
    with monkeypatch.context() as killed:
        killed.setattr(archiving, "_empty", lambda file: None)
        next(archiving.run(AFTER_IT))
    (path,) = (tmp_path / "archive").glob("*.gz")
    held = path.read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(held).replace(b"it broke", b"it works")))
    with pytest.raises(Tampered, match="is not the file that was written"):
        list(archiving.run(AFTER_IT))
    path.unlink()
    with pytest.raises(NotFound, match="is not there"):
        list(archiving.run(AFTER_IT))
    assert stored(engine) == before
    path.write_bytes(held)
    list(archiving.run(AFTER_IT))
    assert stored(engine) == {}


def test_a_file_that_was_changed_later_is_named_and_not_shown(
    engine: Engine, all_rights: Engine, archiving: Archiving, tmp_path: Path
) -> None:
    approval_id = executed(all_rights)
    (moved,) = archiving.run(AFTER_IT)
    path = tmp_path / "archive" / moved.name
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    end = json.loads(lines[-1])["end"]
    path.write_bytes(gzip.compress(b"".join([*lines[:-2], json.dumps({"end": end}).encode() + b"\n"])))
    (looked,) = look_at_all(engine, tmp_path / "archive")
    assert looked.wrong is not None and "is not the file that was written" in looked.wrong
    with pytest.raises(Tampered):
        archived_rows(engine, tmp_path / "archive", approval_id)


def test_a_record_of_a_file_that_was_changed_or_erased_is_named(
    trail: Trail, all_rights: Engine, archiving: Archiving, as_owner: Sql
) -> None:
    """Holds the whole database, and the folder: puts another file in the place of one."""
    list(archiving.run(AFTER_IT))
    trail.seals()
    assert trail.sentences() == []
    as_owner("UPDATE archive_file SET sha256 = repeat('c', 64)")
    assert trail.says("archive file 1 was changed")
    as_owner("DELETE FROM archive_file")
    assert trail.says("archive file 1 is gone from the records")


def test_who_says_that_it_is_elsewhere_has_nothing_leave_and_no_file_opened(
    engine: Engine, all_rights: Engine, archiving: Archiving, tmp_path: Path
) -> None:
    """May add to timelines: tells of a file that there is not, with a path for a name."""
    approval_id = executed(all_rights)
    with transaction(engine) as session:
        add_event(
            session,
            approval_id=approval_id,
            type="archived",
            status=EventStatus.INFO,
            title="What was told until then is in the archive",
            description="../../etc/passwd",
            actor="mallory",
            actor_role="system",
        )
    with pytest.raises(NotFound, match="the archive holds nothing"):
        archived_rows(engine, tmp_path / "archive", approval_id)
    (moved,) = archiving.run(AFTER_IT)
    assert archived_rows(engine, tmp_path / "archive", approval_id)
    with transaction(engine) as session:
        assert [each.description for each in events_of(session, approval_id=approval_id)][-1] == moved.name
