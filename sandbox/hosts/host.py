"""SandboxHost: a host on this machine, reached by real SSH, whose programs can be watched and told to misbehave."""

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict

from pydantic import SecretStr

from countersign.local.sockets import make_private, socket_folder
from countersign.targets.hosts.fleet import HostSettings
from sandbox.hosts.installation import install, program_file
from sandbox.hosts.keys import KeyPair, kept_key
from sandbox.hosts.openssh import SSHD, OpenSSH
from sandbox.hosts.programs.machine import Machine
from sandbox.hosts.standin_server import StandInServer
from sandbox.hosts.wire import Wire

Server = Literal["auto", "sshd", "standin"]
Fault = Literal["hang", "stubborn", "die", "fail", "cut", "slow", "wait", "flood", "noise"]

_CONTROL = "control.sock"


class _Keys(TypedDict):
    host_key: KeyPair
    client_key: KeyPair
    path: str
    gate: str | None


@dataclass(frozen=True)
class Call:
    """One call of a stand-in program."""

    argv: tuple[str, ...]
    pid: int

    program: Path
    """The file that the stand-in's interpreter runs."""

    @property
    def alive(self) -> bool:
        """True while the process runs; another process with the same number is not it."""
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return str(self.program).encode() in words


class SandboxHost:
    """A running host; use it as a context manager.

    `server` chooses the real sshd, the stand-in server, or (auto) sshd where it is installed. `port` fixes the port.
    `user` names the one who may log in (only the stand-in server can have another than this process's own). A given
    `folder` is kept and used again: the same keys, the machine's state as it was. `gate` is a forced command, run in
    place of every command that is sent.
    """

    def __init__(
        self,
        *,
        name: str = "web-1",
        server: Server = "auto",
        folder: Path | None = None,
        port: int = 0,
        user: str | None = None,
        gate: str | None = None,
    ) -> None:
        self.name = name
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-host-")) if folder is None else folder
        path = install(self.folder)
        self._machine = Machine(self.folder)
        self._host_key, self._client_key = kept_key(self.folder, "host_key"), kept_key(self.folder, "client_key")
        self._sockets = socket_folder(self.folder, longest_name=_CONTROL)
        self._control = self._listen()
        keys: _Keys = {"host_key": self._host_key, "client_key": self._client_key, "path": path, "gate": gate}
        self._server: OpenSSH | StandInServer
        if user is None and (server == "sshd" or (server == "auto" and SSHD.exists())):
            self._server = OpenSSH(self.folder, **keys)
        else:
            self._server = StandInServer(self.folder, user=user, **keys)
        self.wire = Wire(self._server.port, port=port)

    @property
    def port(self) -> int:
        """The port to connect to, on 127.0.0.1."""
        return self.wire.port

    @property
    def user(self) -> str:
        """The one user who may log in."""
        return self._server.user

    @property
    def host_key(self) -> str:
        """The key to pin, "ssh-ed25519 AAAA…"."""
        return self._host_key.public

    @property
    def private_key(self) -> SecretStr:
        """The key that is let in."""
        return SecretStr(self._client_key.private)

    def settings(self, **changes: Any) -> HostSettings:
        """Return what a fleet needs to know about this host; `changes` replaces fields."""
        facts: dict[str, Any] = {
            "name": self.name,
            "address": "127.0.0.1",
            "user": self.user,
            "port": self.port,
            "private_key": self.private_key,
            "host_keys": (self.host_key,),
            "environment": "sandbox",
        }
        return HostSettings(**{**facts, **changes})

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call of a stand-in program so far, with its argument list."""
        return tuple(
            Call(tuple(entry["argv"]), entry["pid"], program_file(self.folder, entry["argv"][0]))
            for entry in self._log("calls.jsonl")
        )

    @property
    def effects(self) -> tuple[str, ...]:
        """What has really been changed on the machine, in order, e.g. "restart nginx.service"."""
        return tuple(entry["what"] for entry in self._log("effects.jsonl"))

    @property
    def running(self) -> tuple[Call, ...]:
        """The stand-in programs that still run."""
        return tuple(call for call in self.calls if call.alive)

    def state(self) -> contextlib.AbstractContextManager[dict[str, Any]]:
        """Read or change the machine's state, as somebody working on it would."""
        return self._machine.state()

    def fault(
        self, kind: Fault, *argv: str, when: Literal["before", "after"] = "before", times: int = 1, **options: Any
    ) -> None:
        """Make the next `times` calls that begin with `argv` misbehave before or after their effect.

        fail takes `code` and `message`, slow `seconds` (float), wait `until` (a file that has to exist before it goes
        on), flood `bytes`, noise `hex`; cut may take `seconds`, the pause between the cut and going on.
        """
        with self._machine.state() as state:
            state["faults"].append({"kind": kind, "argv": list(argv), "when": when, "times": times, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server and every stand-in that still runs, and remove the folder if it was made here."""
        self.wire.close()
        self._server.close()
        for call in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(call.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        self._sockets.joinpath(_CONTROL).unlink(missing_ok=True)
        if self._sockets != self.folder.resolve():
            # A folder beside the host's own, for its path was too long; it held this socket alone.
            with contextlib.suppress(OSError):
                self._sockets.rmdir()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _listen(self) -> socket.socket:
        """Let the stand-ins ask for a cut connection; they know the socket from the file `control`."""
        make_private(self._sockets)
        path = self._sockets / _CONTROL
        path.unlink(missing_ok=True)
        (self.folder / "control").write_text(str(path))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=self._answer, args=(listener,), name="sandbox-control", daemon=True).start()
        return listener

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(16)
                self.wire.cut()
                client.sendall(b"done\n")

    def _log(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]
