"""Running one argument list on a host over SSH, with an error for each thing that can go wrong.

fabric makes the connections (jump hosts included). The command itself runs on a session of that connection and not
through fabric's `run`, which keeps all output in memory, looks for the end of the command only every 10 ms, and
cannot tell an error before the command was sent from one after it: the very difference that decides whether the
effect may have happened.
"""

import contextlib
import select
import shlex
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import paramiko
from fabric import Connection

from countersign.errors import AmbiguousTargetError, TransientTargetError
from countersign.metrics.targets import command_ended
from countersign.targets.hosts.connecting import connect, disconnect
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.output import Output

KILL_AFTER = 5
"""Seconds between the remote SIGTERM at the time limit and SIGKILL."""
REPLY_MARGIN = 5
"""Seconds that the remote end has to report after the kill, before the reply counts as lost."""
TIMED_OUT = 124  # timeout(1): the command was ended at its time limit
KILLED = 137  # 128 + SIGKILL, what a shell between sshd and timeout(1) reports
_NO_STATUS = -1  # paramiko: the server reported a signal, or closed without a status


def command_line(argv: Sequence[str], *, limit: int, root: bool = False) -> str:
    """Return the one text that is sent for `argv`: quoted once, ended by the host itself after `limit` seconds.

    With `root`, sudo stands outside: an unprivileged timeout(1) may not signal a process that sudo made root.
    """
    sudo = ["sudo", "-n"] if root else []
    return shlex.join([*sudo, "timeout", f"--kill-after={KILL_AFTER}", str(limit), *argv])


@dataclass
class Answered:
    """What a host has answered to readings over the connections of one run."""

    by_line: dict[str, Output] = field(default_factory=dict)
    """The newest answer to each command line."""
    takes_batches: bool | None = None
    """None: not tried yet."""


class Sessions:
    """The open connections of one run: one per host, made when first needed, reused, closed at the end."""

    def __init__(self, fleet: FleetSettings) -> None:
        self.fleet = fleet
        self._connections: dict[str, Connection] = {}
        self._slots = {host.name: threading.BoundedSemaphore(fleet.per_host) for host in fleet.hosts}
        self._opening = {host.name: threading.Lock() for host in fleet.hosts}
        self.answered: dict[str, Answered] = defaultdict(Answered)
        """By the host's name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection, and then the jump host's that it goes through."""
        while self._connections:
            _, connection = self._connections.popitem()
            disconnect(connection)

    def is_open(self, host: HostSettings) -> bool:
        """Tell whether there is a connection to `host` that is not known to have ended."""
        connection = self._connections.get(host.name)
        return connection is not None and connection.is_connected

    def run(
        self,
        host: HostSettings,
        argv: Sequence[str],
        *,
        limit: int,
        root: bool = False,
        not_after: float | None = None,
    ) -> Output:
        """Run `argv` on `host` and return what it answered, whatever its exit code.

        `root` runs it through sudo where the host's settings say so. Raises what `send` raises.
        """
        line = command_line(argv, limit=limit, root=root and host.escalates)
        return self.send(host, line, limit=limit, not_after=not_after)

    def send(self, host: HostSettings, line: str, *, limit: int, not_after: float | None = None) -> Output:
        """Run `line`, whose own limits are `limit` seconds together, and return what it answered.

        After `not_after` (time.monotonic) it is not sent any more. Raises TransientTargetError (nothing was sent),
        AmbiguousTargetError (sent, and no exit code came back, or the time limit ended it), GateRefused (gate 3: the
        host showed a key that is not pinned), PermanentTargetError (the host refuses this user).
        """
        with self._slots[host.name]:
            channel = self._session(host)
            with contextlib.closing(channel):
                if not_after is not None and time.monotonic() > not_after:
                    raise TransientTargetError(f"Too much time passed before the command for {host.name} was sent.")
                return _perform(channel, line, host=host.name, seconds=limit, keep=self.fleet.output_limit)

    def _session(self, host: HostSettings) -> paramiko.Channel:
        """Open a session; a connection that died since its last use is made again, as nothing was sent yet."""
        with self._opening[host.name]:
            known = self._connections.get(host.name)
            if known is not None:
                with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                    return self._open_session(known)
                del self._connections[host.name]
                disconnect(known)
            connection = connect(
                self.fleet.route(host),
                connect_timeout=self.fleet.connect_timeout,
                auth_timeout=self.fleet.auth_timeout,
            )
            try:
                channel = self._open_session(connection)
            except (paramiko.SSHException, OSError, EOFError) as error:
                disconnect(connection)
                raise TransientTargetError(f"{host.name} closed the connection before a command was sent.") from error
            self._connections[host.name] = connection
            return channel

    def _open_session(self, connection: Connection) -> paramiko.Channel:
        transport = connection.client.get_transport()
        if transport is None or not transport.is_active():
            raise EOFError
        return transport.open_session(timeout=self.fleet.connect_timeout)


def _perform(channel: paramiko.Channel, line: str, *, host: str, seconds: int, keep: int) -> Output:
    """Send `line` and read until its exit code is there. From here on every failure is ambiguous."""
    began = time.monotonic()
    deadline = began + seconds + KILL_AFTER + REPLY_MARGIN
    # exec_command waits for the server's answer without a limit; closing the channel's transport ends that wait.
    watchdog = threading.Timer(deadline - began, channel.get_transport().close)
    watchdog.daemon = True
    watchdog.start()
    try:
        channel.exec_command(line)
        stdout, stderr = _read(channel, deadline=deadline, keep=keep)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise AmbiguousTargetError(f"The connection to {host} was lost after the command was sent.") from error
    finally:
        watchdog.cancel()
        command_ended(host, time.monotonic() - began, exit_code=channel.exit_status)
    if not channel.status_event.is_set() or channel.exit_status == _NO_STATUS:
        raise AmbiguousTargetError(f"{host} gave no exit code for the command.")
    if channel.exit_status in (TIMED_OUT, KILLED):
        raise AmbiguousTargetError(f"The command on {host} was ended after its time limit of {seconds} s.")
    return Output(
        exit_code=channel.exit_status,
        stdout=stdout.text(),
        stderr=stderr.text(),
        truncated=stdout.dropped or stderr.dropped,
        duration_ms=round((time.monotonic() - began) * 1000),
    )


class _Kept:
    """The first `limit` bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._bytes = bytearray()
        self._limit = limit
        self.dropped = False

    def add(self, data: bytes) -> None:
        room = self._limit - len(self._bytes)
        self._bytes += data[:room]
        self.dropped = self.dropped or len(data) > room

    def text(self) -> str:
        """Decode as UTF-8 with a replacement for every other byte; NUL too, which PostgreSQL's text cannot hold."""
        return self._bytes.decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def _read(channel: paramiko.Channel, *, deadline: float, keep: int) -> tuple[_Kept, _Kept]:
    """Read both streams as they come, until the end of both or, after the exit code, until they fall silent.

    A process left in the background (`docker compose up`, a daemon) keeps the streams open after the command's end.
    """
    out, err = _Kept(keep), _Kept(keep)
    ready = channel.fileno()
    while time.monotonic() < deadline:
        finished = channel.status_event.is_set()
        readable = channel.recv_ready() or channel.recv_stderr_ready()
        if not readable and not channel.eof_received and not channel.closed:
            readable = bool(select.select([ready], [], [], 0.2)[0])
        while channel.recv_ready():
            out.add(channel.recv(1 << 16))
        while channel.recv_stderr_ready():
            err.add(channel.recv_stderr(1 << 16))
        if (channel.eof_received or channel.closed) and not channel.recv_ready() and not channel.recv_stderr_ready():
            # Some servers send the exit code after the end of the streams.
            channel.status_event.wait(max(deadline - time.monotonic(), 0))
            break
        if finished and not readable:
            break
    return out, err
