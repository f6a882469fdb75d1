"""SSH keys made on the spot for a sandbox host; they are good for nothing else."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.private_files import write_private


@dataclass(frozen=True)
class KeyPair:
    """One Ed25519 key."""

    private: str
    """OpenSSH's private form, without a passphrase."""
    public: str
    """"ssh-ed25519 AAAA…", as pinned in HostSettings.host_keys or written into authorized_keys."""


def new_key() -> KeyPair:
    """Make a key."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(private=private.decode(), public=public.decode())


def kept_key(folder: Path, name: str) -> KeyPair:
    """Return the key that `folder` keeps under `name`, made on first use: a restarted host is the same host."""
    private, public = folder / name, folder / f"{name}.pub"
    if not public.exists():
        made = new_key()
        write_private(private, made.private)
        write_private(public, made.public)
    return KeyPair(private=private.read_text(), public=public.read_text())
