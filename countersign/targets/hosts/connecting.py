"""Connecting to a host, through its jump hosts where it has some, with an error for each thing that can go wrong.

Every host on the way has to show a pinned key before it is logged in to. Nothing of this machine is used: no agent,
no key files, no configuration files.
"""

import contextlib
import io
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import paramiko
from fabric import Config, Connection

from countersign.errors import (
    ConfigurationError,
    CountersignError,
    GateRefused,
    PermanentTargetError,
    TransientTargetError,
)
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.host_keys import PinnedKeys, pinned_keys, transport_for


def connect(route: Sequence[HostSettings], *, connect_timeout: int, auth_timeout: int) -> Connection:
    """Connect to the last host of `route`, through the others in their order. The limits are seconds for each host.

    Raises TransientTargetError, GateRefused (gate 3: a host showed a key that is not pinned), PermanentTargetError
    (a host refuses its user), each naming the host; what was opened on the way is closed again then.
    """
    connection: Connection | None = None
    for hop in route:
        try:
            connection = _connection(
                hop, connect_timeout=connect_timeout, auth_timeout=auth_timeout, gateway=connection
            )
            with _connect_errors(hop):
                connection.open()
        except CountersignError:
            disconnect(connection)
            raise
        _tune(connection)
    assert connection is not None
    return connection


def disconnect(connection: Connection | None) -> None:
    """Close `connection` and the ones that it goes through: fabric leaves those open, and one whose login failed."""
    while connection is not None:
        connection.client.close()
        connection = connection.gateway


def _connection(
    host: HostSettings, *, connect_timeout: int, auth_timeout: int, gateway: Connection | None
) -> Connection:
    pinned = pinned_keys(host)
    connection = Connection(
        host.address,
        user=host.user,
        port=host.port,
        gateway=gateway,
        config=Config(overrides={"load_ssh_configs": False}),
        connect_timeout=connect_timeout,
        connect_kwargs={
            "pkey": private_key(host),
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": auth_timeout,
            "auth_timeout": auth_timeout,
            "channel_timeout": connect_timeout,
            "transport_factory": partial(transport_for, pinned),
        },
    )
    # fabric's own client trusts every host: it has no pinned keys and adds what it meets.
    connection.client = paramiko.SSHClient()
    connection.client.set_missing_host_key_policy(PinnedKeys(pinned))
    return connection


def private_key(host: HostSettings) -> paramiko.PKey:
    """Read the host's private key. Raises ConfigurationError without showing any of it."""
    text = host.private_key.get_secret_value().strip() + "\n"
    passphrase = host.passphrase.get_secret_value() if host.passphrase else None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):
            return kind.from_private_key(io.StringIO(text), password=passphrase)
    raise ConfigurationError(
        f"private_key of {host.name} cannot be read as an Ed25519, ECDSA or RSA key.",
        hint="paste the whole private key file, and its passphrase if it has one",
    )


@contextlib.contextmanager
def _connect_errors(host: HostSettings) -> Iterator[None]:
    """Give what connecting can raise its meaning. Nothing has been sent at this point."""
    where = f"{host.name} ({host.address}:{host.port})"
    try:
        yield
    except CountersignError:
        raise
    except paramiko.BadHostKeyException as error:
        raise GateRefused(
            f"{where} shows a host key that is not the pinned one: {error.key.fingerprint}.",
            gate=3,
            gate_code="host_key_changed",
            hint="find out why it changed before pinning the new key: this may be another machine",
        ) from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        if "host key" not in str(error):
            raise PermanentTargetError(f"{where} shares no algorithm with this client: {error}.") from error
        raise GateRefused(
            f"{where} has no host key of a pinned kind.",
            gate=3,
            gate_code="host_key_changed",
            hint="find out why it changed before pinning the new key: this may be another machine",
        ) from error
    except paramiko.AuthenticationException as error:
        # paramiko says so only in words when the connection ended during the exchange.
        if any(word in str(error).lower() for word in ("timeout", "eof", "shut down")):
            raise TransientTargetError(f"{where} did not finish the authentication.") from error
        raise PermanentTargetError(
            f"{where} refuses the user {host.user!r} with the configured key.",
            hint="check the user, and that the key's public half is in authorized_keys there",
        ) from error
    except socket.gaierror as error:
        raise TransientTargetError(f"The address of {where} cannot be resolved.") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise TransientTargetError(f"{where} cannot be reached: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return ", ".join(sorted({str(one.strerror or one).lower() for one in error.errors.values()}))
    return str(error) or "the connection ended"


def _tune(connection: Connection) -> None:
    """Send small packets at once, and notice a dead network before the kernel's 15 minutes."""
    sock: Any = connection.client.get_transport().sock
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
