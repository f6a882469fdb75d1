"""Keys that people and the auto-approver sign with: making, reading and naming them."""

import base64
import binascii
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from countersign.errors import ConfigurationError

MINIMUM_SECRET_BYTES = 16
PUBLIC_KEY_BYTES = 32


def generate_ed25519() -> tuple[SecretStr, str]:
    """Return a new key pair: the private key as PEM (PKCS 8), the public key as base64 of its 32 bytes."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SecretStr(pem.decode("ascii")), public_text(key.public_key())


def load_private_key(pem: SecretStr, *, password: SecretStr | None = None) -> Ed25519PrivateKey:
    """Read an Ed25519 private key from PEM (PKCS 8 or OpenSSH). Raises ConfigurationError, without the key."""
    text = pem.get_secret_value().encode("utf-8", "replace")
    secret = password.get_secret_value().encode("utf-8") if password else None
    read = (
        serialization.load_ssh_private_key if b"OPENSSH PRIVATE KEY" in text else serialization.load_pem_private_key
    )
    try:
        key = read(text, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            "the private key cannot be read: it is not PEM, is damaged, or its password is missing or wrong",
            hint="make one with `countersign keys new NAME`",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(
            "the private key is not an Ed25519 key", hint="make one with `countersign keys new NAME`"
        )
    return key


def load_public_key(text: str) -> Ed25519PublicKey:
    """Read an Ed25519 public key: base64 of its 32 bytes, PEM, or an OpenSSH line. Raises ValueError."""
    stripped = text.strip()
    try:
        if stripped.startswith("-----BEGIN"):
            key = serialization.load_pem_public_key(stripped.encode("utf-8"))
        elif stripped.startswith("ssh-"):
            key = serialization.load_ssh_public_key(stripped.encode("utf-8"))
        else:
            raw = base64.b64decode(stripped, validate=True)
            if len(raw) != PUBLIC_KEY_BYTES:
                raise ValueError(f"is {len(raw)} bytes long, an Ed25519 public key has {PUBLIC_KEY_BYTES}")
            key = Ed25519PublicKey.from_public_bytes(raw)
    except binascii.Error:
        raise ValueError("is not base64") from None
    except UnsupportedAlgorithm:
        raise ValueError("is of a kind that cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is not an Ed25519 key")  # noqa: TRY004 - the value is wrong, not its Python type
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """Return the public key as a policy holds it: base64 of its 32 bytes."""
    return base64.b64encode(_raw(key)).decode("ascii")


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the name under which a signature refers to this key."""
    return "ed25519:" + hashlib.sha256(_raw(key)).hexdigest()[:32]


def secret_bytes(secret: SecretStr, *, key_id: str) -> bytes:
    """Return an HMAC secret's bytes. Raises ConfigurationError if it is too short to be one."""
    raw = secret.get_secret_value().encode("utf-8")
    if len(raw) < MINIMUM_SECRET_BYTES:
        raise ConfigurationError(
            f"the HMAC secret of key {key_id!r} is {len(raw)} bytes long, at least {MINIMUM_SECRET_BYTES} are needed",
            hint="openssl rand -base64 32 makes a good one",
        )
    return raw


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
