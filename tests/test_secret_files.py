"""Keys outside the database: made once, whole, for their owner's eyes alone."""

import os
from pathlib import Path
from threading import Thread

import pytest

from countersign.errors import ConfigurationError
from countersign.secret_files import make_key, read_secret_file, replace_secret_file, write_secret_file


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "trust"
    first = make_key(folder, "plan.key")
    assert len(first) == 64
    assert make_key(folder, "plan.key") == first == read_secret_file(folder, "plan.key")
    assert (folder / "plan.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["plan.key"]


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    made: list[bytes] = []
    threads = [Thread(target=lambda: made.append(make_key(tmp_path, "plan.key"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert len(set(made)) == 1


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path, "plan.key")
    (tmp_path / "plan.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read or written by others") as error:
        read_secret_file(tmp_path, "plan.key")
    assert "chmod 600" in error.value.hint


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    assert write_secret_file(tmp_path, "pin", b"one\n")
    assert not write_secret_file(tmp_path, "pin", b"two\n")
    assert read_secret_file(tmp_path, "pin") == b"one"


@pytest.mark.parametrize("folder", [None, Path("/nonexistent/folder")])
def test_a_missing_folder_or_file_is_named(folder: Path | None) -> None:
    with pytest.raises(ConfigurationError, match=r"COUNTERSIGN_TRUST_DIR|is missing"):
        read_secret_file(folder, "plan.key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns files as a mounted secret does")
@pytest.mark.parametrize(
    ("mode", "group", "fine"), [(0o440, 0, True), (0o460, 0, False), (0o444, 0, False), (0o440, 7, False)]
)
def test_what_root_gave_to_this_processes_own_group_to_read_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, group: int, fine: bool
) -> None:
    make_key(tmp_path, "plan.key")
    os.chown(tmp_path / "plan.key", 0, group)
    (tmp_path / "plan.key").chmod(mode)
    # The interpreter is where another user may not go, so the test cannot become one.
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    if fine:
        assert len(read_secret_file(tmp_path, "plan.key")) == 64
        return
    with pytest.raises(ConfigurationError, match="can be read or written by others"):
        read_secret_file(tmp_path, "plan.key")


def test_what_is_put_in_its_place_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        replace_secret_file(tmp_path, "pin", content)
        assert read_secret_file(tmp_path, "pin") == content
    assert (tmp_path / "pin").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["pin"]
