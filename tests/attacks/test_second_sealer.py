"""Holds the runtime role: seals the audit with a key of her own, before the worker does."""

import pytest

from countersign.audit import sealing
from countersign.audit.notes import Sealer
from countersign.audit.sealing import Sealing
from countersign.errors import Tampered
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]
MALLORYS = Sealer(b"\x66" * 32)


@pytest.mark.parametrize("warm", [True, False])
def test_what_she_sealed_is_named_and_not_taken_over(trail: Trail, *, warm: bool) -> None:
    """A worker that has the tree in memory, and one that starts now."""
    kept = trail.head_file.read_text()
    workers = Sealing(trail.engine, trail.key, trail.head_file)
    if warm:
        workers.round()
    with transaction(trail.engine) as session:
        set_kill_switch(session, True, by="mallory", reason="a row to seal")
    with pytest.MonkeyPatch.context() as her_own_program:
        her_own_program.setattr(sealing, "open_note", lambda note, verifier: note)
        Sealing(trail.engine, MALLORYS, trail.head_file.with_name("mallorys")).round()
    with pytest.raises(Tampered, match="not signed by"):
        workers.round()
    assert trail.head_file.read_text() == kept
    assert trail.says("checkpoint of 23 rows", "it is not signed")
