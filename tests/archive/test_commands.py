"""`countersign archive`, as a person uses it, and what pages, the API and the command line say afterwards."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url, text

from countersign.archive.moving import Archiving
from countersign.cli.archive import owner_url_of
from countersign.local.databases import OWNER as DATABASE_OWNER
from countersign.local.databases import password_file
from countersign.secret_files import write_secret_file
from countersign.settings import Settings
from tests.archive.history import AFTER_IT, executed
from tests.archive.test_cut_off import rejected_long_ago
from tests.cli.conftest import Run, run
from tests.databases import RUNNING
from tests.planted import plant

__all__ = ["run"]


@pytest.fixture
def archive(run: Run, monkeypatch: pytest.MonkeyPatch, owner_url: str, folder: Path) -> Run:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_OWNER_URL", owner_url)
    monkeypatch.setenv("COUNTERSIGN_ARCHIVE_DIR", str(folder))
    return run


def test_what_would_move_is_said_first_then_moves_is_listed_shown_and_verified(
    archive: Run, engine: Engine, folder: Path
) -> None:
    rejected_long_ago(engine, 2)
    said, _ = archive("archive", "--keep-days", "40", "--dry-run")
    assert "2 approvals" in said and "timeline_event: " in said
    assert not folder.exists()
    said, _ = archive("archive", "--keep-days", "40", "--by", "alice")
    name = f"countersign-{datetime.now(UTC) - timedelta(days=100):%Y-%m}-1.jsonl.gz"
    assert said.startswith(f"{name}: ") and "of 2 approvals left the tables" in said
    assert "Nothing to move" in archive("archive", "--keep-days", "40", "--by", "alice")[0]

    (listed,) = json.loads(archive("archive", "list", "-o", "json")[0])
    assert (listed["name"], listed["approvals"], listed["written_by"]) == (name, 2, "alice")
    assert name in archive("archive", "list")[0]
    assert "as they were written" in archive("archive", "verify")[0]

    with engine.connect() as connection:
        approval_id = connection.execute(text("SELECT id FROM approval LIMIT 1")).scalar_one()
    assert "bob" in archive("archive", "show", str(approval_id))[0]
    rows = json.loads(archive("archive", "show", str(approval_id), "-o", "json")[0])
    assert {row["table"] for row in rows} == {"timeline_event"}

    (folder / name).write_bytes(b"")
    code, said, _ = archive.refused("archive", "verify")
    assert code == 1 and "is not the file that was written" in said


def test_an_archived_request_is_shown_with_where_the_rest_is(
    archive: Run, engine: Engine, archiving: Archiving
) -> None:
    approval_id = executed(engine)
    (moved,) = archiving.run(AFTER_IT)
    said, _ = archive("approvals", "show", str(approval_id))
    assert moved.name in said
    facts = json.loads(archive("approvals", "show", str(approval_id), "-o", "json")[0])
    assert facts["timeline"][0]["description"] == moved.name
    code, told, said = archive.refused("steps", "list", str(approval_id), "-o", "json")
    assert (code, told) == (6, "") and moved.name in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--before", "2026-13"), "is not a month"),
        (("--before", f"{datetime.now(UTC):%Y-%m}"), "stay in the database"),
        (("--before", "2026-01", "--keep-days", "90"), "give one of them"),
        (("--keep-days", "7"), "35"),
    ],
)
def test_what_cannot_be_meant_is_refused(archive: Run, words: tuple[str, ...], reason: str) -> None:
    code, _, said = archive.refused("archive", *words)
    assert code == 2 and reason in said


def test_the_running_role_is_told_what_is_missing(
    archive: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    url = engine.url.set(username=RUNNING.name, password=RUNNING.password.get_secret_value())
    monkeypatch.delenv("COUNTERSIGN_DATABASE_OWNER_URL")
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url.render_as_string(hide_password=False))
    code, _, said = archive.refused("archive")
    assert code == 3 and "COUNTERSIGN_DATABASE_OWNER_URL" in said


def test_a_stack_of_this_folder_has_its_owners_password_in_the_trust_folder(tmp_path: Path) -> None:
    password = plant("hunter2-of-the-owner")
    write_secret_file(tmp_path, password_file(DATABASE_OWNER), password.encode())
    running = SecretStr("postgresql+psycopg://countersign:other@/countersign?host=%2Frun%2Fpg")
    found = owner_url_of(Settings(database_url=running, trust_dir=tmp_path))
    assert found is not None
    url = make_url(found.get_secret_value())
    assert (url.username, url.password, url.database) == ("countersign_owner", password, "countersign")
    given = SecretStr("postgresql+psycopg://me@elsewhere/countersign")
    assert owner_url_of(Settings(database_url=running, database_owner_url=given, trust_dir=tmp_path)) == given
    assert owner_url_of(Settings(database_url=running)) == running
