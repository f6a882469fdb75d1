"""A user of the same machine: reads files, process lists and logs, and has no password."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign.local.stack import Stack
from tests.stack.api import Api
from tests.stack.declaring import PROBES


@pytest.fixture(scope="module")
def secrets(stack: Stack, api: Api) -> tuple[str, ...]:
    """What lets into Prefect and the databases, after the stack has worked a while."""
    assert api.wait(api.run(api.deploy(PROBES, "failing")))["state_type"] == "FAILED"
    name, _, password = stack.addresses.prefect_auth.get_secret_value().partition(":")
    assert name and len(password) >= 32
    return (password,)


def everything(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent) / name for name in (*folders, *files))


def test_nobody_else_enters_the_state_folder_or_reads_a_file(stack: Stack, secrets: tuple[str, ...]) -> None:
    folder = stack.addresses.state_dir
    # As root, PostgreSQL's user passes through it, and lists nothing.
    assert stat.S_IMODE(folder.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
    assert [each for each in everything(folder) if each.is_file() and each.stat().st_mode & 0o077] == []


def test_the_password_is_in_no_process_list(secrets: tuple[str, ...]) -> None:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        assert not any(secret in words for secret in secrets), process


def test_the_password_is_in_no_log(stack: Stack, secrets: tuple[str, ...]) -> None:
    logs = [file for file in everything(stack.addresses.state_dir) if file.suffix == ".log"]
    assert len(logs) >= 5
    for log in logs:
        text = log.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), log
