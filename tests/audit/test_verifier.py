"""A proof is checked elsewhere, by one file that needs Python alone."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine

from countersign.audit.exporting import proof_of, verifier_program
from countersign.audit.notes import Sealer, open_checkpoint
from countersign.audit.sealing import Sealing
from countersign.audit.verifier import ORDER, check, is_signed
from countersign.errors import NotFound
from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import new_id
from tests.audit.conftest import append

# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_signatures_of_the_specification_hold(key: str, message: str, signature: str) -> None:
    assert is_signed(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


@examples(max_examples=15)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511), st.booleans())
def test_it_says_what_cryptography_says(seed: bytes, message: bytes, bit: int, flip: bool) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    signature = bytearray(private.sign(message))
    if flip:
        signature[bit // 8] ^= 1 << bit % 8
    assert is_signed(private.public_key().public_bytes_raw(), message, bytes(signature)) is not flip


def test_a_signature_with_a_larger_number_is_refused() -> None:
    # RFC 8032, 5.1.7: S is below the order, or the same signature would have several forms.
    key, message, signature = (bytes.fromhex(part) for part in VECTORS[0])
    large = int.from_bytes(signature[32:], "little") + ORDER
    assert not is_signed(key, message, signature[:32] + large.to_bytes(32, "little"))


def test_the_program_needs_python_alone() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(verifier_program()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported <= set(sys.stdlib_module_names)


@pytest.fixture
def proof(engine: Engine, sealing: Sealing, key: Sealer, head_file: Path) -> Any:
    chain = append(engine, 3)
    append(engine, 4)
    sealing.round()
    (head_file.parent / "kept").write_text(head_file.read_text())
    append(engine, 2, chain=chain)
    append(engine, 300)
    sealing.round()
    append(engine, 1, chain=chain)
    since = open_checkpoint((head_file.parent / "kept").read_text(), key.verifier)
    return proof_of(engine, str(chain), verifier=key.verifier, since=since)


def run(folder: Path, proof: Any, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "proof.json").write_text(json.dumps(proof))
    (folder / "verify.py").write_text(verifier_program())
    # -I and -S: no installed package and no file beside it can be imported.
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder / "proof.json"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_proof_holds_elsewhere(tmp_path: Path, proof: Any, key: Sealer) -> None:
    done = run(tmp_path, proof, "--key", str(key.verifier), "--head", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("6 rows hold, 1 of them not sealed yet")


def test_a_proof_by_its_own_key_says_so(tmp_path: Path, proof: Any) -> None:
    done = run(tmp_path, proof)
    assert done.returncode == 0
    assert "compare it" in done.stdout


def test_a_changed_proof_does_not_hold(proof: Any, key: Sealer) -> None:
    def wrong(**changes: Any) -> list[str]:
        return check({**proof, **changes}, str(key.verifier), None)

    rows = proof["rows"]
    assert wrong() == []
    for place in range(9):
        changed = [dict(row, fields=list(row["fields"])) for row in rows]
        changed[1]["fields"][place] = "9" if place in (2, 7) else changed[1]["fields"][place] + "0"
        assert wrong(rows=changed), place
    assert any("does not follow row 1" in found for found in wrong(rows=[rows[0], *rows[2:]]))
    assert wrong(rows=[dict(rows[0], leaf=1), *rows[1:]])
    assert wrong(rows=[dict(rows[0], path=rows[0]["path"][:-1]), *rows[1:]])
    assert wrong(head=Sealer(b"\x01" * 32).sign(5, bytes(32)))
    assert wrong(head=proof["head"].replace("\n309\n", "\n308\n"))


def test_a_proof_from_another_tree_than_the_kept_head_does_not_hold(proof: Any, key: Sealer) -> None:
    kept = key.sign(proof["since"], bytes(32))
    assert any("did not grow" in found for found in check(proof, str(key.verifier), kept))


def test_there_is_no_proof_of_what_is_not_there(engine: Engine, sealing: Sealing, key: Sealer) -> None:
    with pytest.raises(NotFound, match="no rows of control"):
        proof_of(engine, "control", verifier=key.verifier)
    with transaction(engine) as session:
        audit.record(session, Event.ACCESS_REFUSED, approval_id=new_id())
        audit.record(session, Event.KILL_SWITCH_ON)
    with pytest.raises(NotFound, match="nothing is sealed"):
        proof_of(engine, "control", verifier=key.verifier)
