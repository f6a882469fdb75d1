"""What the servers of this machine have in common: how their process begins and ends, and what they had to say."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from countersign.private_files import UMASK, private_descriptor

POLL_SECONDS = 0.02
Asking = Sequence[tuple[signal.Signals, float]]
"""How a server is asked to end, in turns, and for how many seconds each is waited for."""


def environment(path: str) -> dict[str, str]:
    """Return all that a server's process finds in its environment; `path` is its PATH."""
    return {"PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def launch(
    command: Sequence[str | Path], *, log_file: Path, env: Mapping[str, str], cwd: Path, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a server that writes to `log_file`."""
    with os.fdopen(private_descriptor(log_file, os.O_WRONLY | os.O_APPEND), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cwd,
            env=env,
            # Ctrl-C in the terminal is for the owner, who then stops the server in order.
            start_new_session=True,
            umask=UMASK,
            **options,
        )


def end(pid: int, child: subprocess.Popen[bytes] | None, asking: Asking) -> None:
    """End the process `pid`, which is `child` if this process started it."""
    for request, patience in asking:
        with suppress(ProcessLookupError):
            os.kill(pid, request)
        if _gone(pid, child, patience):
            return


def last_words(log_file: Path) -> str:
    """Return the last lines of a server's log; empty where it has none."""
    with suppress(OSError):
        return " / ".join(log_file.read_text(errors="replace").splitlines()[-3:])
    return ""


def _gone(pid: int, child: subprocess.Popen[bytes] | None, patience: float) -> bool:
    if child is not None:
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True
    give_up = time.monotonic() + patience
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > give_up:
            return False
        time.sleep(POLL_SECONDS)
    return True
