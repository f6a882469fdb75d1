"""The tree is RFC 9162's: known roots and proofs, and what no list of examples would find."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.audit.tiles import WIDTH, tiles_among
from countersign.audit.tree import (
    EMPTY_ROOT,
    Growing,
    consistency_proof,
    hashes_of,
    inclusion_proof,
    leaf_hash,
    root,
)
from countersign.audit.verifier import has_grown, root_of

# The leaves, roots and proofs that implementations of RFC 6962 and RFC 9162 are tried with (google/certificate-
# transparency, cpp/merkletree/merkle_tree_test.cc; transparency-dev/merkle, testonly).
LEAVES = [
    leaf_hash(bytes.fromhex(content))
    for content in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
N01 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N45 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
L4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [L4, N45, ROOTS[3]],
    (2, 3): [ROOTS[1]],
}
CONSISTENCIES = {
    (1, 1): [],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", N45, ROOTS[3]],
    (2, 5): [N01, L4],
}


def test_the_roots_are_those_of_the_specification() -> None:
    assert root(hashes_of([]), 0) == EMPTY_ROOT == hashlib.sha256(b"").digest()
    assert [root(hashes_of(LEAVES), size + 1).hex() for size in range(8)] == ROOTS


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_the_inclusion_proofs_are_those_of_the_specification(index: int, size: int) -> None:
    assert [step.hex() for step in inclusion_proof(hashes_of(LEAVES), index, size)] == INCLUSIONS[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCIES)
def test_the_consistency_proofs_are_those_of_the_specification(old: int, new: int) -> None:
    assert [step.hex() for step in consistency_proof(hashes_of(LEAVES), old, new)] == CONSISTENCIES[old, new]


def some(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@given(st.integers(1, 300), st.data())
def test_every_leaf_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda found: found != index)) if size > 1 else None
    wanted, proof = root(hashes_of(leaves), size), inclusion_proof(hashes_of(leaves), index, size)
    assert root_of(leaves[index], index, size, proof) == wanted
    assert root_of(leaf_hash(b"forged"), index, size, proof) != wanted
    if other is not None:
        assert root_of(leaves[index], other, size, proof) != wanted
        assert root_of(leaves[index], index, size, proof[:-1]) != wanted
    assert root_of(leaves[index], index, size, [*proof, bytes(32)]) != wanted


@given(st.integers(1, 300), st.integers(0, 300), st.data())
def test_growth_is_proved_and_nothing_else(old: int, more: int, data: st.DataObject) -> None:
    new = old + more
    leaves = some(new)
    before, after = root(hashes_of(leaves), old), root(hashes_of(leaves), new)
    proof = consistency_proof(hashes_of(leaves), old, new)
    assert has_grown(old, before, new, after, proof)
    changed = data.draw(st.integers(0, old - 1))
    forged = [*leaves[:changed], leaf_hash(b"forged"), *leaves[changed + 1 :]]
    assert not has_grown(old, root(hashes_of(forged), old), new, after, proof)
    assert not has_grown(old, before, new, root(hashes_of(forged), new), proof)
    assert not has_grown(old, before, new, after, [*proof, bytes(32)])


def test_a_growing_tree_has_the_root_of_the_whole_tree() -> None:
    leaves = some(70)
    tree = Growing()
    assert tree.root == EMPTY_ROOT
    for size, leaf in enumerate(leaves, 1):
        completed = tree.append(leaf)
        assert tree.root == root(hashes_of(leaves), size)
        assert all(found == hashes_of(leaves)(level, index) for level, index, found in completed)
        assert tree.root == Growing(size, hashes_of(leaves)).root


def test_the_stored_nodes_are_those_over_whole_blocks() -> None:
    leaves = some(2 * WIDTH + 5)
    tree = Growing()
    stored = tiles_among(node for leaf in leaves for node in tree.append(leaf))
    assert stored == [(1, 0, hashes_of(leaves)(8, 0)), (1, 1, hashes_of(leaves)(8, 1))]
