"""An SSH server for machines without sshd: paramiko's server side, exec and tunnels only.

It behaves like sshd where it matters here: the command goes to a shell, it goes on when the connection breaks, and
a command that died of a signal has no exit code.
"""

import contextlib
import os
import pwd
import socket
import subprocess
import threading
from io import StringIO
from pathlib import Path

import paramiko

from sandbox.hosts.keys import KeyPair
from sandbox.hosts.listening import Listener


class StandInServer:
    """A listening server. `user` is the name that may log in; commands run as this process's user anyway."""

    def __init__(
        self,
        folder: Path,
        *,
        host_key: KeyPair,
        client_key: KeyPair,
        path: str,
        gate: str | None = None,
        user: str | None = None,
    ) -> None:
        self.user = user or pwd.getpwuid(os.getuid()).pw_name
        self._host_key = paramiko.Ed25519Key.from_private_key(StringIO(host_key.private))
        self._client_key = client_key.public.split()[1]
        self._gate = gate
        self._environment = {"PATH": path, "HOME": str(folder), "USER": self.user, "LC_ALL": "C.UTF-8"}
        self._transports: list[paramiko.Transport] = []
        self._listener = Listener(self._serve, name="ssh")
        self.port = self._listener.port
        self._listener.start()

    def close(self) -> None:
        """Stop accepting and end every connection; commands that run go on."""
        self._listener.close()
        for transport in self._transports:
            transport.close()

    def _serve(self, client: socket.socket) -> None:
        transport = _Transport(client)
        transport.add_server_key(self._host_key)
        self._transports = [one for one in self._transports if one.is_active()] + [transport]
        interface = _Interface(self.user, self._client_key, self._environment, self._gate)
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            # With an event the negotiation happens in the transport's own thread.
            transport.start_server(event=threading.Event(), server=interface)
            threading.Thread(target=_accept_channels, args=(transport, interface), daemon=True).start()


class _Transport(paramiko.Transport):  # type: ignore[misc] # paramiko has no types
    """Begins a command once the reply to its request has left.

    A client asks for a reply and waits for it (RFC 4254, section 6.5); a short command, begun any earlier, would
    have closed its channel by then.
    """

    def __init__(self, client: socket.socket) -> None:
        super().__init__(client)
        self.after_reply: list[threading.Thread] = []

    def _send_user_message(self, message: paramiko.Message) -> None:
        try:
            super()._send_user_message(message)
        finally:
            # The transport's own thread makes the reply, and asks the interface before it: no other is in between.
            if message.asbytes()[:1] == paramiko.common.cMSG_CHANNEL_SUCCESS:
                while self.after_reply:
                    self.after_reply.pop().start()


class _Interface(paramiko.ServerInterface):  # type: ignore[misc] # paramiko has no types
    def __init__(self, user: str, client_key: str, environment: dict[str, str], gate: str | None) -> None:
        self._user = user
        self._client_key = client_key
        self._environment = environment
        self._gate = gate
        self.destinations: dict[int, tuple[str, int]] = {}
        """Where each tunnel (direct-tcpip) leads, by the channel's number."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        allowed = username == self._user and key.get_base64() == self._client_key
        return int(paramiko.AUTH_SUCCESSFUL if allowed else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        prohibited = paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return int(paramiko.OPEN_SUCCEEDED if kind == "session" else prohibited)

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        self.destinations[chanid] = destination
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        environment = self._environment
        if self._gate is not None:  # as sshd does for command="…" in authorized_keys
            environment = {**environment, "SSH_ORIGINAL_COMMAND": command.decode("utf-8", "surrogateescape")}
            command = self._gate.encode()
        execution = threading.Thread(target=_execute, args=(channel, command, environment), daemon=True)
        channel.get_transport().after_reply.append(execution)
        return True


def _execute(channel: paramiko.Channel, command: bytes, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    pumps = [
        threading.Thread(target=_pump, args=(process.stdout.fileno(), channel.sendall), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr.fileno(), channel.sendall_stderr), daemon=True),
    ]
    for pump in pumps:
        pump.start()
    exit_code = process.wait()
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        if exit_code >= 0:
            channel.send_exit_status(exit_code)
    for pump in pumps:
        pump.join()
    process.stdout.close()
    process.stderr.close()
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


def _pump(descriptor: int, send: object) -> None:
    assert callable(send)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        while data := os.read(descriptor, 1 << 15):
            send(data)


def _accept_channels(transport: paramiko.Transport, interface: _Interface) -> None:
    """Take the client's channels for as long as the connection lives, and carry the bytes of tunnels."""
    sessions: list[paramiko.Channel] = []  # paramiko closes a channel that nobody refers to
    while transport.is_active():
        channel = transport.accept(timeout=1)
        if channel is None:
            continue
        destination = interface.destinations.pop(channel.get_id(), None)
        if destination is None:
            sessions = [one for one in sessions if not one.closed] + [channel]
            continue
        try:
            outside = socket.create_connection(destination)
        except OSError:
            channel.close()
            continue
        outside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((outside, channel), (channel, outside)):
            threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        while data := source.recv(1 << 15):
            sink.sendall(data)
    for end in (sink, source):
        # close() alone would leave it open for as long as the other direction's thread waits for bytes on it.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
