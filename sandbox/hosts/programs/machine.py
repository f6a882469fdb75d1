"""The sandbox machine as its programs see it: state in a JSON file, logs of calls and effects, faults.

Imported by every stand-in program in its own process, so it needs the standard library alone and starts quickly.
"""

import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Program = Callable[["Machine", list[str]], int]
"""Takes the machine and the arguments after the program's name, prints, and returns the exit code."""


CONTAINERS = Path("/var/lib/docker/containers")
"""Where the machine's docker says that it keeps its logs, wherever the machine's folder is."""


class Machine:
    """One machine's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = ""

    @contextmanager
    def state(self) -> Iterator[dict[str, Any]]:
        """Give the state to read and change; it is written back at the end. One process at a time."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self.folder / "state.json"
            before = path.read_text()
            value = json.loads(before)
            yield value
            after = json.dumps(value, indent=1)
            if after != before:
                new = path.with_suffix(".new")
                new.write_text(after)
                new.replace(path)

    def effect(self, what: str) -> None:
        """Put on the log that something was changed."""
        self._append("effects.jsonl", {"program": self.program, "what": what, "at": time.time()})

    def called(self, argv: list[str]) -> None:
        """Put on the log that a program was called, with its arguments."""
        self._append("calls.jsonl", {"argv": argv, "pid": os.getpid(), "at": time.time()})

    def container_log(self, path: str) -> Path | None:
        """Return the file in this folder that stands for the machine's `path`, or None for no container's log."""
        place = Path(path)
        if ".." in place.parts or not place.is_relative_to(CONTAINERS):
            return None
        return self.folder / "docker" / place.relative_to(CONTAINERS)

    def take_fault(self, argv: list[str], when: str) -> dict[str, Any] | None:
        """Return the fault that this call has to act out now, if any, and count it as used."""
        with self.state() as state:
            for fault in state["faults"]:
                wanted = fault["argv"]
                if fault["times"] > 0 and fault["when"] == when and argv[: len(wanted)] == wanted:
                    fault["times"] -= 1
                    found: dict[str, Any] = fault
                    return found
        return None

    def cut(self) -> None:
        """Cut every connection to this machine and return when that is done."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect((self.folder / "control").read_text())
            control.sendall(b"cut\n")
            control.recv(16)

    def _append(self, name: str, entry: dict[str, Any]) -> None:
        with (self.folder / name).open("a") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            log.write(json.dumps(entry) + "\n")


def run(name: str, program: Program, folder: str) -> int:
    """Run one stand-in: log the call, act out a fault before or after, and return the exit code."""
    machine = Machine(Path(folder))
    machine.program = name
    argv = [name, *sys.argv[1:]]
    machine.called(argv)
    code = act(machine, machine.take_fault(argv, "before"))
    if code is None:
        code = program(machine, sys.argv[1:])
        later = machine.take_fault(argv, "after")
        if later is not None:
            code = act(machine, later) or code
    return code


def act(machine: Machine, fault: dict[str, Any] | None) -> int | None:
    """Misbehave as told. Returns an exit code where the program should end with it."""
    match fault:
        case None:
            return None
        case {"kind": "hang"}:
            while True:
                signal.pause()
        case {"kind": "stubborn"}:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                signal.pause()
        case {"kind": "die"}:
            os.kill(os.getpid(), signal.SIGKILL)
        case {"kind": "fail", "code": int(code), "message": str(message)}:
            print(message, file=sys.stderr)
            return code
        case {"kind": "cut"}:
            machine.cut()
            time.sleep(fault.get("seconds", 0))
        case {"kind": "slow", "seconds": float(seconds)}:
            time.sleep(seconds)
        case {"kind": "wait", "until": str(file)}:
            while not Path(file).exists():
                time.sleep(0.01)
        case {"kind": "flood", "bytes": int(size)}:
            line = b"x" * 65535 + b"\n"
            for _ in range(size // len(line)):
                sys.stdout.buffer.write(line)
        case {"kind": "noise", "hex": str(text)}:
            sys.stdout.buffer.write(bytes.fromhex(text))
            sys.stdout.buffer.flush()
        case _:
            raise ValueError(f"unknown fault {fault}")
    return None
