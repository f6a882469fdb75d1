"""Asking a host for its key without logging in to it, for a person who will compare the key's fingerprint."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import paramiko

from countersign.errors import TransientTargetError
from countersign.targets.hosts.connecting import connect, disconnect
from countersign.targets.hosts.fleet import HostSettings


def shown_host_key(address: str, port: int, *, timeout: int, jumps: Sequence[HostSettings] = ()) -> str:
    """Return the key that the host shows, as "ssh-ed25519 AAAA…". `timeout` is seconds for each part of the way.

    `jumps` are logged in to on the way, outermost first, each after it has shown its own pinned key. Whoever answers
    at the address may be anybody: the fingerprint has to be compared with the host's own. Raises TransientTargetError
    if nobody answers, and for a jump host what `connecting.connect` raises.
    """
    through = f", seen from {jumps[-1].name}" if jumps else ""
    with _way(jumps, timeout=timeout) as jump:
        try:
            with contextlib.closing(_socket(address, port, jump, timeout=timeout)) as sock:
                transport = paramiko.Transport(sock)
                transport.banner_timeout = timeout
                try:
                    transport.start_client(timeout=timeout)
                    key = transport.get_remote_server_key()
                finally:
                    transport.close()
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise TransientTargetError(
                f"No SSH server shows a key at {address}:{port}{through}: {error or 'the connection ended'}.",
                hint="check the address and the port; a host behind a jump host shows its key from there only",
            ) from error
    return f"{key.get_name()} {key.get_base64()}"


@contextlib.contextmanager
def _way(jumps: Sequence[HostSettings], *, timeout: int) -> Iterator[paramiko.Transport | None]:
    if not jumps:
        yield None
        return
    connection = connect(jumps, connect_timeout=timeout, auth_timeout=timeout)
    try:
        yield connection.client.get_transport()
    finally:
        disconnect(connection)


def _socket(address: str, port: int, jump: paramiko.Transport | None, *, timeout: int) -> Any:
    if jump is None:
        return socket.create_connection((address, port), timeout=timeout)
    return jump.open_channel("direct-tcpip", (address, port), ("", 0), timeout=timeout)
