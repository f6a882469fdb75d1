"""Signed notes and checkpoints, the forms of C2SP (signed-note, tlog-checkpoint), with Ed25519.

countersign-audit/6f3a…      the origin, which is the key's name too
1000000                      leaves
qINS1GRF…                    the root, base64

— countersign-audit/6f3a… NWtbUQ…
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from countersign.errors import Tampered

ED25519 = b"\x01"
"""The signature type's byte (C2SP signed-note, signature types)."""
ROTATION = "countersign-audit-rotation"
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
    successor: "Verifier | None" = field(default=None, compare=False)
    """The key beside it that is about to take its place."""
    earlier: "tuple[Rotation, ...]" = field(default=(), compare=False)
    """How its predecessors handed over, the latest first: what each signed up to then still counts."""

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name and key."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + ED25519 + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.key).decode('ascii')}"


@dataclass(frozen=True)
class Rotation:
    """One key took the place of another, when the tree had `size` leaves and this root. Both have signed it."""

    old: Verifier
    new: Verifier
    size: int
    root: bytes
    note: str

    @property
    def head(self) -> Checkpoint:
        """The tree as it was then."""
        return Checkpoint(self.new.name, self.size, self.root)


class Sealer:
    """The private key that signs checkpoints."""

    def __init__(self, seed: bytes, *, successor: Verifier | None = None, past: Sequence[str] = ()) -> None:
        """`past` are notes of rotations; those that do not lead to this key are passed by."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        # An origin is unique to a log; the key's own fingerprint is, and needs no setting.
        name = f"countersign-audit/{hashlib.sha256(public).hexdigest()[:16]}"
        self.verifier = preceded(Verifier(name, public, successor), past)

    def sign(self, size: int, root: bytes) -> str:
        """Return the signed note of a head."""
        body = Checkpoint(self.verifier.name, size, root).body
        return f"{body}\n{self.signature(body)}"

    def signature(self, body: str) -> str:
        """Return the line with this key's signature of a note's text."""
        signature = self.verifier.id + self._key.sign(body.encode("utf-8"))
        return f"{_MARK}{self.verifier.name} {base64.b64encode(signature).decode('ascii')}\n"


def hand_over(old: Sealer, new: Sealer, *, size: int, root: bytes) -> str:
    """Return the note that both keys sign when one takes the other's place."""
    lines = (ROTATION, str(old.verifier), str(new.verifier), str(size), base64.b64encode(root).decode("ascii"))
    body = "".join(f"{line}\n" for line in lines)
    return f"{body}\n{old.signature(body)}{new.signature(body)}"


def read_rotation(note: str) -> Rotation:
    """Return what a note of a rotation says, once both signatures hold. Raises Tampered."""
    lines = note.split("\n")
    try:
        old, new, size = read_verifier(lines[1]), read_verifier(lines[2]), int(lines[3])
        found = Rotation(old, new, size, base64.b64decode(lines[4], validate=True), note)
    except (IndexError, ValueError):
        raise Tampered("the note is none of a rotation of keys") from None
    if lines[0] != ROTATION or open_note(note, old) != open_note(note, new):
        raise Tampered("the note is none of a rotation of keys")
    return found


def preceded(verifier: Verifier, past: Sequence[str]) -> Verifier:
    """Return the key with its predecessors, as far as notes among `past` lead to them. Pure.

    A predecessor counts up to where it handed over, and never for more than the one that it handed over to.
    """
    rotations = []
    for note in past:
        try:
            rotations.append(read_rotation(note))
        except Tampered:
            continue
    limits: dict[Verifier, int | None] = {verifier: None}
    found: list[Rotation] = []
    for rotation in sorted(rotations, key=lambda each: each.size, reverse=True):
        limit = limits.get(rotation.new, -1)
        if rotation.old != verifier and (limit is None or rotation.size <= limit):
            found.append(rotation)
            limits[rotation.old] = max(rotation.size, limits.get(rotation.old) or 0)
    return replace(verifier, earlier=tuple(found))


def signer_of(note: str, verifier: Verifier) -> Verifier:
    """Return who has signed the note: `verifier`, or the key that is about to take its place. Raises Tampered."""
    if verifier.successor is not None:
        try:
            open_note(note, verifier.successor)
        except Tampered:
            pass
        else:
            return verifier.successor
    open_note(note, verifier)
    return verifier


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
    """Return what the checkpoint says, once its signature holds: by `verifier`, by the key that is about to take its
    place, or, up to where it handed over, by one before it. Raises Tampered.
    """
    for rotation in verifier.earlier:
        try:
            found = _checkpoint(note, rotation.old)
        except Tampered:
            continue
        if found.size <= rotation.size and (found.size < rotation.size or found.root == rotation.root):
            return found
    return _checkpoint(note, signer_of(note, verifier))


def _checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    body = open_note(note, verifier)
    lines = body.split("\n")
    try:
        found = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
    except (IndexError, ValueError):
        raise Tampered("the checkpoint is signed and cannot be read") from None
    if found.origin != verifier.name or len(found.root) != 32 or not body.startswith(found.body):
        raise Tampered(f"the checkpoint is not one of {verifier.name}")
    return found
