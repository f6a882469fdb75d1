"""`countersign audit export ID`: an approval's rows with a proof that is checked elsewhere, without Countersign."""

from importlib.resources import files
from typing import Any

from sqlalchemy import Engine

from countersign.audit.heads import with_predecessors
from countersign.audit.notes import Checkpoint, Verifier, signer_of
from countersign.audit.tiles import StoredHashes
from countersign.audit.trail import row_of
from countersign.audit.tree import consistency_proof, inclusion_proof
from countersign.errors import NotFound, Tampered
from countersign.records.audit_checks import snapshot
from countersign.records.audit_tree import chain_rows, last_head


def proof_of(engine: Engine, chain: str, *, verifier: Verifier, since: Checkpoint | None = None) -> dict[str, Any]:
    """Return the proof of a chain as JSON values; with `since` also that the tree has grown from that head.

    Raises NotFound where the chain has no rows or nothing is sealed yet, Tampered where the stored tree has gaps.
    """
    with snapshot(engine) as session:
        found, head = chain_rows(session, chain), last_head(session)
        if not found:
            raise NotFound(f"the audit has no rows of {chain}", hint="`countersign audit list` shows the newest")
        if head is None:
            raise NotFound(
                "nothing is sealed yet", hint="run `countersign audit seal`, or wait for the worker to do it"
            )
        signer = signer_of(head.note, verifier)
        earlier = with_predecessors(session, signer).earlier
        hashes = StoredHashes(session)
        try:
            rows = [
                {
                    "fields": list(row_of(record).fields),
                    "leaf": record.leaf_index,
                    "path": []
                    if record.leaf_index is None
                    else [step.hex() for step in inclusion_proof(hashes, record.leaf_index, head.size)],
                }
                for record in found
            ]
            grown = [] if since is None else [step.hex() for step in consistency_proof(hashes, since.size, head.size)]
        except (KeyError, ValueError) as error:
            raise Tampered(
                f"the stored tree has gaps: {error.args[0]}", hint="`countersign audit verify` says what is missing"
            ) from None
    return {
        "form": 1,
        "chain": chain,
        "key": str(signer),
        "head": head.note,
        "rows": rows,
        "since": None if since is None else since.size,
        "grown": grown,
        "rotations": [each.note for each in earlier],
    }


def verifier_program() -> str:
    """Return the program that checks a proof: one file that needs Python alone."""
    return files("countersign.audit").joinpath("verifier.py").read_text(encoding="utf-8")
