"""Pinned host keys: the host must show one of them, and of their kinds alone is one asked for.

paramiko's own list of known hosts keeps one key of a kind for a host; during a change of keys there are two.
"""

from collections.abc import Sequence
from typing import Any

import paramiko

from countersign.errors import ConfigurationError, GateRefused
from countersign.targets.hosts.fleet import HostSettings


def pinned_keys(host: HostSettings) -> tuple[paramiko.PKey, ...]:
    """Read the host's pinned keys. Raises GateRefused (gate 3) if there are none, ConfigurationError for bad text."""
    if not host.host_keys:
        raise GateRefused(
            f"No host key is pinned for {host.name}.",
            gate=3,
            gate_code="host_key_unknown",
            hint=f"pin it after comparing its fingerprint: countersign hosts pin {host.name}",
        )
    return tuple(parse_host_key(line, host=host.name) for line in host.host_keys)


def parse_host_key(line: str, *, host: str) -> paramiko.PKey:
    """Read "ssh-ed25519 AAAA…". Raises ConfigurationError naming the host."""
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"host {line.strip()}")
    except (paramiko.SSHException, paramiko.hostkeys.InvalidHostKey, ValueError, IndexError):
        entry = None
    if entry is None or entry.key is None:
        # The text is not repeated: a private key may have been pasted into the wrong field.
        raise ConfigurationError(
            f"host_keys of {host!r}: this is not a host key",
            hint="give the type and the key as in the host's ssh_host_ed25519_key.pub: ssh-ed25519 AAAA…",
        )
    return entry.key


class PinnedKeys(paramiko.RejectPolicy):  # type: ignore[misc] # paramiko has no types
    """Refuses every key that is not pinned; paramiko asks before it authenticates."""

    def __init__(self, pinned: Sequence[paramiko.PKey]) -> None:
        self._pinned = tuple(pinned)

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Return for a pinned key. Raises paramiko's BadHostKeyException."""
        if key not in self._pinned:
            raise paramiko.BadHostKeyException(hostname, key, self._pinned[0])


def transport_for(pinned: Sequence[paramiko.PKey], sock: Any, **options: Any) -> paramiko.Transport:
    """Make a transport that accepts host keys of the pinned kinds only."""
    kinds = {key.get_name() for key in pinned}
    transport = paramiko.Transport(sock, **options)
    algorithms = transport.get_security_options()
    algorithms.key_types = [
        # An RSA key is shown under the names of its signatures (RFC 8332).
        name
        for name in algorithms.key_types
        if name in kinds or (name.startswith("rsa-sha2-") and "ssh-rsa" in kinds)
    ]
    return transport


def fingerprint(line: str) -> str:
    """Return the fingerprint of "ssh-ed25519 AAAA…" as `ssh-keygen -lf` shows it: "SHA256:…"."""
    return str(parse_host_key(line, host="host").fingerprint)
