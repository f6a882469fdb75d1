"""The stored tree: blocks of 256 hashes, of leaves and of whole blocks.

Only the roots of complete blocks are stored, one for 256 leaves. What lies between is computed from one block, so a
proof in a tree of a million leaves reads three blocks.
"""

from collections.abc import Iterable

from sqlmodel import Session

from countersign.audit.tree import node_hash
from countersign.records.audit_tree import hashes_between

BITS = 8
WIDTH = 1 << BITS


class StoredHashes:
    """Hashes of the stored tree (countersign.audit.tree.Hashes), each block read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._blocks: dict[tuple[int, int], list[bytes]] = {}
        self._made: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash over the 2^level leaves from index * 2^level. Raises KeyError where one is missing."""
        if (level, index) not in self._made:
            tier, rest = divmod(level, BITS)
            if rest:
                found = node_hash(self(level - 1, 2 * index), self(level - 1, 2 * index + 1))
            else:
                found = self._stored(tier, index)
            self._made[level, index] = found
        return self._made[level, index]

    def _stored(self, tier: int, index: int) -> bytes:
        block = (tier, index >> BITS)
        if block not in self._blocks:
            first = block[1] << BITS
            self._blocks[block] = hashes_between(self._session, tier, first, first + WIDTH)
        hashes = self._blocks[block]
        if index % WIDTH >= len(hashes):
            raise KeyError(f"the tree has no hash {index} of tier {tier}")
        return hashes[index % WIDTH]


def tiles_among(nodes: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Return those of the complete nodes (level, index, hash) that are stored, with their tier for the level."""
    return [(level // BITS, index, found) for level, index, found in nodes if level % BITS == 0]
