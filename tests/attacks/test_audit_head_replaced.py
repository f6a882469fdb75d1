"""Can write the file that the head is kept in: puts another head there."""

import pytest

from countersign.audit.notes import Sealer
from countersign.errors import Tampered
from countersign.records.audit_tree import last_head
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


def test_a_head_of_another_key_is_refused(trail: Trail) -> None:
    trail.head_file.write_text(Sealer(b"\x66" * 32).sign(3, bytes(32)))
    with pytest.raises(Tampered, match=f"not signed by {trail.key.verifier.name}"):
        trail.sentences()
    with pytest.raises(Tampered, match="not signed by"):
        trail.executes()


def test_a_changed_head_is_refused(trail: Trail) -> None:
    trail.head_file.write_text(trail.head_file.read_text().replace("\n22\n", "\n21\n"))
    with pytest.raises(Tampered, match="not signed by"):
        trail.sentences()


def test_an_older_head_hides_nothing_from_one_that_was_kept_elsewhere(trail: Trail, as_owner: Sql) -> None:
    kept = trail.head_file.with_name("kept-elsewhere")
    kept.write_text(trail.head_file.read_text())
    as_owner("DELETE FROM audit_event WHERE id > 14")
    as_owner("DELETE FROM audit_leaf WHERE leaf_index >= 14")
    as_owner("DELETE FROM audit_checkpoint WHERE size > 14")
    with transaction(trail.engine) as session:
        head = last_head(session)
    assert head is not None
    trail.head_file.write_text(head.note)
    assert any("saved head tells of 22 rows" in sentence for sentence in trail.sentences(head=kept))
