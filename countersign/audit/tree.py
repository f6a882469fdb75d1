"""The Merkle tree of RFC 9162, section 2.1: its root, proofs that a leaf is in it, proofs that it only grew.

Pure. A node is named by the leaves under it, [first, end). `Hashes` answers for perfect nodes, those whose leaves are
a power of two and whose first leaf is a multiple of it; everything else is made of these. So a tree of a million
leaves need not be in memory: countersign.audit.tiles answers from what is stored.
"""

import hashlib
from collections.abc import Callable, Sequence

Hashes = Callable[[int, int], bytes]
"""(level, index): the hash over the 2^level leaves from index * 2^level."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf with this content."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above these two."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def hashes_of(leaves: Sequence[bytes]) -> Hashes:
    """Return the hashes of a small tree that is in memory, from its leaves' hashes."""

    def perfect(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(perfect(level - 1, 2 * index), perfect(level - 1, 2 * index + 1))

    return perfect


def root(hashes: Hashes, size: int) -> bytes:
    """Return the hash of the tree's first `size` leaves."""
    return _range(hashes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """Return the path from leaf `index` to the root of the first `size` leaves, nearest first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    first, end, path = 0, size, []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            path.append(_range(hashes, middle, end))
            end = middle
        else:
            path.append(_range(hashes, first, middle))
            first = middle
    return path[::-1]


def consistency_proof(hashes: Hashes, old: int, new: int) -> list[bytes]:
    """Return the proof that the first `old` of `new` leaves are the tree that had `old` (RFC 9162, 2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} does not grow to one of {new}")
    first, end, path, whole = 0, new, [], True
    while old - first != end - first:
        middle = first + _split(end - first)
        if old <= middle:
            path.append(_range(hashes, middle, end))
            end = middle
        else:
            path.append(_range(hashes, first, middle))
            first, whole = middle, False
    if not whole:
        path.append(_range(hashes, first, end))
    return path[::-1]


class Growing:
    """A tree that only grows: the perfect nodes that it is made of, at most one of each size."""

    def __init__(self, size: int = 0, hashes: Hashes | None = None) -> None:
        """Go on from the first `size` leaves of a tree with these hashes."""
        self.size = 0
        self._nodes: list[tuple[int, bytes]] = []
        """Level and hash, the largest first."""
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1 and hashes is not None:
                self._nodes.append((level, hashes(level, self.size >> level)))
                self.size += 1 << level

    @property
    def root(self) -> bytes:
        """The hash of the tree."""
        if not self._nodes:
            return EMPTY_ROOT
        found = self._nodes[-1][1]
        for _, node in reversed(self._nodes[:-1]):
            found = node_hash(node, found)
        return found

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf's hash and return the perfect nodes above it that are complete now: level, index, hash."""
        level, found, completed = 0, leaf, []
        self.size += 1
        while self._nodes and self._nodes[-1][0] == level:
            level, found = level + 1, node_hash(self._nodes.pop()[1], found)
            completed.append((level, (self.size >> level) - 1, found))
        self._nodes.append((level, found))
        return completed


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range(hashes: Hashes, first: int, end: int) -> bytes:
    size = end - first
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return hashes(level, first >> level)
    middle = first + _split(size)
    return node_hash(_range(hashes, first, middle), _range(hashes, middle, end))
