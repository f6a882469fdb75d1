"""Checks a proof of Countersign's audit. Python alone is enough: no package, no database, no network.

    python3 verify.py proof.json [--key NAME+ID+KEY] [--head FILE]

It checks that every row follows the row before it in its chain and is in the tree whose head was signed. The key has
to be compared with one that you were given by another way: a proof that brings its own key proves nothing about who
made it. With --head, a head that you kept, the tree is shown to have grown from that one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Optional, Sequence, Tuple

Point = Tuple[int, int, int, int]
"""In extended coordinates (RFC 8032, 5.1.4)."""

# Ed25519 (RFC 8032, section 5.1): the curve -x^2 + y^2 = 1 + d x^2 y^2 over the field of P elements.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

MARK = "\u2014 "
"""Before each signature of a note (C2SP signed-note)."""


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, e = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    f, g, h, i = b - a, e - c, e + c, b + a
    return (f * g % P, h * i % P, g * h % P, f * i % P)


def _times(factor: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = _add(found, point)
        point, factor = _add(point, point), factor >> 1
    return found


def _point(encoded: bytes) -> Optional[Point]:
    """Decode a point (5.1.3); None where it is none."""
    if len(encoded) != 32:
        return None
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
"""Its y is 4/5, its x is even."""


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is Ed25519's over `message` by the public `key` (5.1.7)."""
    a, r = _point(key), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if BASE is None or a is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = _times(s, BASE), _add(r, _times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> Optional[bytes]:
    """Follow an inclusion proof (RFC 9162, 2.1.3.2); None where it has not the right length."""
    if not 0 <= index < size:
        return None
    last, found = size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            found = _node(step, found)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            found = _node(found, step)
        index, last = index // 2, last // 2
    return found if last == 0 else None


def has_grown(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether a consistency proof holds (RFC 9162, 2.1.4.2)."""
    if old == new:
        return old_root == new_root and not path
    if not 0 < old < new or not path:
        return False
    steps = list(path) if old & (old - 1) else [old_root, *path]
    index, last = old - 1, new - 1
    while index % 2:
        index, last = index // 2, last // 2
    one = other = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if index % 2 or index == last:
            one, other = _node(step, one), _node(step, other)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            other = _node(other, step)
        index, last = index // 2, last // 2
    return last == 0 and one == old_root and other == new_root


def open_note(note: str, key: str) -> str:
    """Return the text of a note (C2SP signed-note) signed by name+id+key. Raises ValueError."""
    name, key_id, encoded = key.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[:1] != b"\x01" or hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != key_id:
        raise ValueError("the key is no verifier key")
    body, _, signatures = note.rpartition("\n\n")
    body += "\n"
    for line in signatures.splitlines():
        mark, _, signature = line[len(MARK) :].partition(" ")
        sealed = base64.b64decode(signature) if line.startswith(MARK) and mark == name else b""
        if sealed[:4].hex() == key_id and is_signed(raw[1:], body.encode(), sealed[4:]):
            return body
    raise ValueError("the head is not signed by this key")


def open_head(note: str, key: str) -> Tuple[int, bytes]:
    """Return size and root of a checkpoint (C2SP tlog-checkpoint) signed by name+id+key. Raises ValueError."""
    origin, size, root = open_note(note, key).split("\n")[:3]
    if origin != key.split("+", 1)[0]:
        raise ValueError("the head is another log's")
    return int(size), base64.b64decode(root)


def open_older_head(note: str, key: str, rotations: Sequence[str]) -> Tuple[int, bytes]:
    """Return size and root of a checkpoint that `key` signed, or one that was the sealing key before it, up to where
    it handed over. `rotations` are notes that the old key and the new one have signed, the latest first. Raises
    ValueError.
    """
    trusted = {key.strip(): -1}
    for rotation in rotations:
        _, old, new, size, _ = rotation.split("\n")[:5]
        limit = trusted.get(new)
        if limit is not None and (limit < 0 or int(size) <= limit) and old not in trusted:
            if open_note(rotation, old) != open_note(rotation, new):
                continue
            trusted[old] = int(size)
    for one, limit in trusted.items():
        try:
            size_then, root = open_head(note, one)
        except ValueError:
            continue
        if limit < 0 or size_then <= limit:
            return size_then, root
    raise ValueError("the head is not signed by this key")


def content_of(fields: Sequence[str]) -> bytes:
    """Return the bytes of a row that are hashed: each field as length:bytes,"""
    parts = [field.encode() for field in fields]
    return b"".join(b"%d:%s," % (len(part), part) for part in parts)


def check(proof: Any, key: str, saved: Optional[str]) -> list[str]:
    """Return what is wrong with the proof, as sentences."""
    try:
        size, root = open_head(proof["head"], key)
    except ValueError as error:
        return [str(error)]
    wrong: list[str] = []
    before: dict[str, Tuple[int, str]] = {}
    for row in proof["rows"]:
        fields = row["fields"]
        name = f"row {fields[2]} of {fields[1]} ({fields[3]})"
        leaf = hashlib.sha256(b"\x00" + content_of(fields)).digest()
        position, previous = before.get(fields[1], (0, bytes(32).hex()))
        if (int(fields[2]), fields[8]) != (position + 1, previous):
            wrong.append(f"{name} does not follow row {position}")
        before[fields[1]] = (int(fields[2]), leaf.hex())
        if row["leaf"] is None:
            continue
        path = [bytes.fromhex(step) for step in row["path"]]
        if root_of(leaf, row["leaf"], size, path) != root:
            wrong.append(f"{name} is not in the tree that was signed")
    if saved is not None:
        try:
            old, old_root = open_older_head(saved, key, proof.get("rotations", []))
        except ValueError as error:
            return [*wrong, f"the kept head: {error}"]
        path = [bytes.fromhex(step) for step in proof["grown"]]
        if proof["since"] != old or not has_grown(old, old_root, size, root, path):
            wrong.append(f"the tree did not grow from the kept head of {old} rows (export with --since-head)")
    return wrong


def made_for_clicks(proof: Any) -> list[str]:
    """Return who is said to have signed and did so by a click in a chat: a server has signed for them."""
    found = []
    for row in proof["rows"]:
        fields, key = row["fields"], json.loads(row["fields"][6]).get("key_id")
        if fields[3].startswith("approval:request:") and isinstance(key, str) and key.startswith("chat:"):
            found.append(f"row {fields[2]}: the server signed for a click of {fields[4]} ({key})")
    return found


def main(arguments: Sequence[str]) -> int:
    """Check the proof that the arguments name, and return the exit code."""
    options = dict(zip(arguments[1::2], arguments[2::2]))
    if not arguments or len(arguments) % 2 == 0 or set(options) - {"--key", "--head"}:
        print(__doc__)
        return 2
    proof = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    saved = Path(options["--head"]).read_text(encoding="utf-8") if "--head" in options else None
    key = options.get("--key", proof["key"])
    wrong = check(proof, key, saved)
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    if not wrong:
        unsealed = sum(row["leaf"] is None for row in proof["rows"])
        for sentence in made_for_clicks(proof):
            print(f"NOTE: {sentence}")
        print(f"{len(proof['rows'])} rows hold" + (f", {unsealed} of them not sealed yet" if unsealed else ""))
        print(f"key: {key}" + ("" if "--key" in options else "  (the proof's own: compare it with the one you know)"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
