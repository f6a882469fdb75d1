"""How the contract's control plane is built and ended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.control_plane.building import MODULE, SOURCES, kubernetes_version, linker_flags, program_path
from tests.contract.control_plane.processes import CannotStartError, any_started, spawn, stop, wait


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started for something else."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def sleeping(folder: Path) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(600)", f"{folder}/data"]


def test_a_server_is_told_the_version_that_the_module_requires() -> None:
    version = kubernetes_version((MODULE / "go.mod").read_text())
    flags = linker_flags(version)
    assert f"-X k8s.io/component-base/version.gitVersion={version}" in flags
    assert f"-X k8s.io/component-base/version.gitMinor={version.split('.')[1]}" in flags


def test_every_source_counts_for_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {each.name for each in MODULE.iterdir() if each.suffix in (".go", ".mod", ".sum")} == set(SOURCES)
    monkeypatch.setenv("CONTROL_PLANE_CACHE", str(tmp_path))
    assert program_path().parent == tmp_path
    copy = tmp_path / "module"
    copy.mkdir()
    for name in SOURCES:
        (copy / name).write_bytes((MODULE / name).read_bytes())
    before = program_path()
    monkeypatch.setattr("tests.contract.control_plane.building.MODULE", copy)
    assert program_path() == before
    (copy / "main.go").write_text("package main\n")
    assert program_path() != before


def test_stop_ends_what_was_started_there(tmp_path: Path) -> None:
    spawn(tmp_path, "etcd", sleeping(tmp_path))
    pid = (tmp_path / "etcd.pid").read_text()
    assert any_started(tmp_path)
    stop(tmp_path)
    assert not any_started(tmp_path)
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
    assert state.strip() == "" or state.startswith("Z")
    stop(tmp_path)


def test_stop_leaves_a_process_that_has_taken_over_the_pid(tmp_path: Path, foreign: subprocess.Popen[bytes]) -> None:
    (tmp_path / "etcd.pid").write_text(str(foreign.pid))
    stop(tmp_path)
    assert foreign.poll() is None
    assert not any_started(tmp_path)


def test_a_process_that_ends_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    spawn(tmp_path, "etcd", [sys.executable, "-c", "raise SystemExit('no room')", f"{tmp_path}/data"])
    with pytest.raises(CannotStartError, match=r"etcd ended:\nno room"):
        wait(tmp_path, "etcd", lambda: False)
