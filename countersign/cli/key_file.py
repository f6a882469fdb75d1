"""Private keys from files: what cannot be used is refused with what is wrong with it, and without a word of it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from countersign.errors import InvalidInput

NEW = "`countersign keys new NAME` makes a key to sign with"
LARGEST = 65_536


def read_owners_file(file: Path, *, option: str, hint: str) -> bytes:
    """Return what is in a file that only its owner may read. Raises InvalidInput naming `option`."""
    file = file.expanduser()
    try:
        with file.open("rb") as opened:
            mode, owner = os.fstat(opened.fileno()).st_mode, os.fstat(opened.fileno()).st_uid
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{option}: {file} cannot be read: {error.strerror}", hint=hint) from None
    if stat.S_ISREG(mode) and owner == os.geteuid() and stat.S_IMODE(mode) & 0o077:
        raise InvalidInput(
            f"{option}: others can read or write {file} (mode {stat.S_IMODE(mode):o})", hint=f"chmod 600 {file}"
        )
    return content


def read_key_file(file: Path) -> SecretStr:
    """Return the private key in `file`, of any kind. Raises InvalidInput: it cannot be read, others may read it, it
    is a public key, it is encrypted.
    """
    file = file.expanduser()
    content = read_owners_file(file, option="--key", hint=NEW)
    if _is_public(content):
        raise InvalidInput(
            f"--key: {file} is a public key", hint="name the file with the private half, which is without .pub"
        )
    if _is_encrypted(content):
        raise InvalidInput(
            f"--key: {file} is encrypted with a passphrase",
            hint="sign with one that is not: a copy of it (ssh-keygen -p, openssl pkey), or a new one",
        )
    try:
        return SecretStr(content[:LARGEST].decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput(f"--key: {file} is no private key in PEM", hint=NEW) from None


def read_signing_key(file: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key in `file`. Raises InvalidInput, as `read_key_file` and for other content."""
    content = read_key_file(file).get_secret_value().encode("utf-8")
    try:
        key = _loader(content)(content, password=None)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput(f"--key: {file} is no private key in PEM, or is damaged", hint=NEW) from None
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise InvalidInput(f"--key: {file} is a key of another kind ({kind}); signatures are Ed25519", hint=NEW)
    return key


def _is_public(content: bytes) -> bool:
    return b"-----BEGIN PUBLIC KEY" in content or content.lstrip().startswith((b"ssh-", b"ecdsa-", b"sk-"))


def _is_encrypted(content: bytes) -> bool:
    try:
        _loader(content)(content, password=None)
    except TypeError:
        # What cryptography raises for a password that is missing.
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def _loader(content: bytes) -> Callable[..., object]:
    """Return what reads this form: OpenSSH's own, or PEM."""
    if b"OPENSSH PRIVATE KEY" in content:
        return serialization.load_ssh_private_key
    return serialization.load_pem_private_key
