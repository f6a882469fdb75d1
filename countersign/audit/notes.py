"""Signed notes and checkpoints, the forms of C2SP (signed-note, tlog-checkpoint), with Ed25519.

countersign-audit/6f3a…      the origin, which is the key's name too
1000000                      leaves
qINS1GRF…                    the root, base64

— countersign-audit/6f3a… NWtbUQ…
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from countersign.errors import Tampered

ED25519 = b"\x01"
"""The signature type's byte (C2SP signed-note, signature types)."""
_MARK = "\u2014 "


@dataclass(frozen=True)
class Checkpoint:
    """A head of the tree."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True)
class Verifier:
    """A public key with its name. As text: name+id+key, the form of C2SP's verifier keys."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name and key."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + ED25519 + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.key).decode('ascii')}"


class Sealer:
    """The private key that signs checkpoints."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        # An origin is unique to a log; the key's own fingerprint is, and needs no setting.
        self.verifier = Verifier(f"countersign-audit/{hashlib.sha256(public).hexdigest()[:16]}", public)

    def sign(self, size: int, root: bytes) -> str:
        """Return the signed note of a head."""
        body = Checkpoint(self.verifier.name, size, root).body
        signature = self.verifier.id + self._key.sign(body.encode("utf-8"))
        return f"{body}\n{_MARK}{self.verifier.name} {base64.b64encode(signature).decode('ascii')}\n"


def read_verifier(text: str) -> Verifier:
    """Read name+id+key. Raises ValueError."""
    name, id_, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    found = Verifier(name, raw[1:])
    if raw[:1] != ED25519 or len(raw) != 33 or found.id.hex() != id_:
        raise ValueError("not an Ed25519 verifier key")
    return found


def open_note(note: str, verifier: Verifier) -> str:
    """Return the note's text, once its signature by `verifier` holds. Raises Tampered."""
    body, divider, signatures = note.rpartition("\n\n")
    if not divider or not signatures.endswith("\n"):
        raise Tampered("the checkpoint is no signed note", hint="take the file that the sealer wrote")
    body += "\n"
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_MARK).partition(" ")
        if not line.startswith(_MARK) or name != verifier.name:
            continue
        try:
            raw = base64.b64decode(encoded, validate=True)
            if raw[:4] == verifier.id:
                Ed25519PublicKey.from_public_bytes(verifier.key).verify(raw[4:], body.encode("utf-8"))
                return body
        except (binascii.Error, InvalidSignature):
            continue
    raise Tampered(
        f"the checkpoint is not signed by {verifier.name}",
        hint="it was replaced, or the sealing key was: compare with a head kept elsewhere",
    )


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """Return what the checkpoint says, once its signature by `verifier` holds. Raises Tampered."""
    body = open_note(note, verifier)
    lines = body.split("\n")
    try:
        found = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
    except (IndexError, ValueError):
        raise Tampered("the checkpoint is signed and cannot be read") from None
    if found.origin != verifier.name or len(found.root) != 32 or not body.startswith(found.body):
        raise Tampered(f"the checkpoint is not one of {verifier.name}")
    return found
