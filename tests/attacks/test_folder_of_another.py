"""A user of the same machine: makes the state folder before Countersign does, or puts links where it will write."""

import os
from pathlib import Path

import pytest

from countersign.errors import ConfigurationError
from countersign.local.stack import Stack
from countersign.private_files import make_private_folder, write_private

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
NOBODY = 65534


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched")
    (tmp_path / "environment").symlink_to(other)
    with pytest.raises(OSError):
        write_private(tmp_path / "environment", "PASSWORD=hunter2")
    assert other.read_text() == "untouched"


@as_root
def test_a_folder_of_another_user_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(OSError, match="another user"):
        make_private_folder(folder)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Stack(folder, project=Path.cwd()).start()
    assert list(folder.iterdir()) == []


@as_root
def test_a_link_to_a_folder_of_another_user_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    (tmp_path / "state").symlink_to(folder)
    with pytest.raises(OSError, match="another user"):
        make_private_folder(tmp_path / "state")
