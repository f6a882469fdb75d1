"""The processes of one control plane: each has a pid file and a log in its folder, and is ended by that pid."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[3]
STARTING_SECONDS = 180
STOPPING_SECONDS = 15

# In the order of their start; they stop in the opposite one, so that nobody waits for a server that is gone.
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


class CannotStartError(Exception):
    """A process of the control plane did not come up; the message is for a person."""


def spawn(folder: Path, name: str, command: list[str]) -> None:
    """Start a process that outlives this one. Its command line has to name the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _pid_file(folder, name).write_text(str(process.pid))


def wait(folder: Path, name: str, until: Callable[[], bool]) -> None:
    """Wait until something holds that the named process brings about.

    Raises:
        CannotStartError: a process ended, or the wait took too long; with the end of its log.
    """
    deadline = time.monotonic() + STARTING_SECONDS
    while not until():
        ended = [each for each in NAMES if _has_ended(folder, each)]
        if ended or time.monotonic() > deadline:
            blamed = ended[0] if ended else name
            tail = "\n".join((folder / f"{blamed}.log").read_text(errors="replace").splitlines()[-5:])
            raise CannotStartError(f"{blamed} {'ended' if ended else 'is not ready'}:\n{tail}")
        time.sleep(0.1)


def any_started(folder: Path) -> bool:
    """Has something been started here and not been stopped?"""
    return any(_pid_file(folder, name).exists() for name in NAMES)


def stop(folder: Path) -> None:
    """Stop what was started in `folder`; what has ended already is no trouble."""
    folder = folder.resolve()
    for name in reversed(NAMES):
        file = _pid_file(folder, name)
        if file.exists():
            _end(int(file.read_text()), folder)
            file.unlink()


def _end(pid: int, folder: Path) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOPPING_SECONDS
        if _is_ours(pid, folder):
            os.kill(pid, sign)
        while _is_ours(pid, folder) and time.monotonic() < deadline:
            time.sleep(0.05)


def _pid_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pid"


def _has_ended(folder: Path, name: str) -> bool:
    file = _pid_file(folder, name)
    return file.exists() and not _is_ours(int(file.read_text()), folder)


def _is_ours(pid: int, folder: Path) -> bool:
    """Was the process started for this folder? Pids are used again, and every command line names the folder."""
    done = subprocess.run(
        ["ps", "-ww", "-o", "stat=", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, command = done.stdout.strip().partition(" ")
    return not state.startswith("Z") and f"{folder}/" in command
