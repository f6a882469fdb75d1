"""The key that signs for clicks in chats: in the trust folder. The policy has its public half.

Whoever has it can sign for everybody whose account is in the policy, as far as clicks count there.
"""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.errors import ConfigurationError
from countersign.secret_files import make_key, read_secret_file

KEY_FILE: Final = "chat.key"


def read_chat_key(folder: Path | None) -> Ed25519PrivateKey:
    """Return the key. Raises ConfigurationError where there is none, or it cannot be read."""
    if folder is not None and not (folder / KEY_FILE).exists():
        raise ConfigurationError(
            f"{folder / KEY_FILE} is missing: nothing signs for clicks in chats",
            hint="`countersign chat key` makes it",
        )
    return _key(read_secret_file(folder, KEY_FILE))


def make_chat_key(folder: Path | None) -> Ed25519PrivateKey:
    """Return the key, made where there is none yet. Raises ConfigurationError."""
    return _key(make_key(folder, KEY_FILE))


def _key(content: bytes) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(content.decode("ascii")))
    except ValueError:
        raise ConfigurationError(
            f"{KEY_FILE} in COUNTERSIGN_TRUST_DIR is no key", hint="64 hexadecimal digits; restore it from a copy"
        ) from None
