"""One child process: started so that it cannot outlive its supervisor, stopped by its own pid and nobody else's.

The kernel sends the child SIGTERM when its supervisor dies (PR_SET_PDEATHSIG). Where that is not enough, a
SIGKILLed supervisor's children are found again by the files in `pids/`, which hold pid and start time.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from countersign.private_files import UMASK, private_descriptor, write_private
from countersign.processes import started_at

STOP_SECONDS = 10.0

# Runs between fork and the program: asks for SIGTERM when the supervisor dies, and leaves if it already has.
# A tiny interpreter of its own, because code between fork and exec is not safe in a process with threads.
_LAUNCHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() != int(sys.argv[1]): sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run: `argv` (absolute program first), its whole `environment`, when it counts as ready.

    `ready` is given what the child has printed so far.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[str], bool]
    folder: Path
    descriptors: tuple[int, ...] = ()
    once: bool = False
    """The program does its work and ends with 0, which is what ready means."""
    again: Callable[[str], Sequence[str]] | None = None
    """Arguments for a restart, from what the first start printed; None: the same as before."""


class Child:
    """A running program, its log below `logs` and its pid file below `pids`."""

    def __init__(self, program: Program, *, state_dir: Path) -> None:
        self.program = program
        self.log = state_dir / "logs" / f"{program.name}.log"
        self._record = state_dir / "pids" / f"{program.name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._argv = program.argv

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program. The calling thread must live as long as the child: its end counts as our death."""
        if self._process is not None and self.program.again is not None:
            self._argv = self.program.again(self.output()) or self._argv
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(private_descriptor(self.log, os.O_WRONLY | os.O_APPEND), "ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*launcher, *self._argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.program.folder,
                env=dict(self.program.environment),
                pass_fds=self.program.descriptors,
                umask=UMASK,
                # A session of its own: Ctrl-C is for the supervisor, who stops its children in order.
                start_new_session=True,
            )
        self._record.parent.mkdir(parents=True, exist_ok=True)
        record = {"pid": self._process.pid, "started": started_at(self._process.pid)}
        write_private(self._record, json.dumps(record))

    def exit_code(self) -> int | None:
        """Return the exit code, None while the program runs."""
        return self._process.poll() if self._process else None

    def is_ready(self) -> bool:
        """Whether the program does what it is there for."""
        if self.program.once:
            return self.exit_code() == 0
        return self.exit_code() is None and self.program.ready(self.output())

    def output(self) -> str:
        """Return what the program has printed since its last start."""
        with suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read(1_000_000).decode(errors="replace")
        return ""

    def last_words(self) -> str:
        """Return the last lines of the log, in one line."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-600:] or "it printed nothing"

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, *, patience: float = STOP_SECONDS) -> None:
        """End the program: SIGTERM, and SIGKILL to its session after `patience` seconds."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            _signal_session(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._record.unlink(missing_ok=True)


def end_leftovers(state_dir: Path) -> list[str]:
    """End the children that a killed supervisor left in `state_dir`; return their names."""
    ended = []
    for record in sorted((state_dir / "pids").glob("*.json")):
        with suppress(ValueError, KeyError):
            found = json.loads(record.read_text())
            if _end(found["pid"], found["started"]):
                ended.append(record.stem)
        record.unlink(missing_ok=True)
    return ended


def _end(pid: int, started: str | None) -> bool:
    # Twice, since a worker that has heard SIGTERM already (from the kernel) finishes its runs first.
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if started is None or started_at(pid) != started:
            return number is not signal.SIGTERM
        if number is signal.SIGKILL:
            _signal_session(pid, number)
        else:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        give_up = time.monotonic() + 2.0
        while started_at(pid) == started and time.monotonic() < give_up:
            time.sleep(0.02)
    return True


def _signal_session(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
