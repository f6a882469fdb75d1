"""Holds the database's owner: rewrites an approval's rows with all their hashes, leaves and subtrees."""

import pytest
from sqlalchemy import text

from countersign.audit.notes import Sealer
from countersign.audit.tiles import StoredHashes
from countersign.audit.tree import root as tree_root
from countersign.errors import Tampered
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


# The chain's rows from the changed one on, each with the hash that audit_append would have given it.
REWRITE = """
    DO $$ DECLARE each audit_event; before bytea; made bytea; BEGIN
        UPDATE audit_event SET details = '{"outcome": "success"}' WHERE id = 5;
        FOR each IN SELECT * FROM audit_event WHERE chain = (SELECT chain FROM audit_event WHERE id = 5)
            AND id >= 5 ORDER BY position
        LOOP
            before := coalesce(made, each.previous);
            made := sha256('\\x00'::bytea || audit_field('countersign-audit-1') || audit_field(each.chain)
                || audit_field(each.position::text) || audit_field(each.event) || audit_field(each.actor)
                || audit_field(each.about) || audit_field(each.details::text)
                || audit_field(((extract(epoch FROM each.at) * 1000000)::bigint)::text)
                || audit_field(encode(before, 'hex')));
            UPDATE audit_event SET previous = before, hash = made WHERE id = each.id;
            UPDATE audit_leaf SET hash = made WHERE event_id = each.id;
        END LOOP;
    END $$
"""


def test_the_signed_heads_are_for_other_rows(trail: Trail, as_owner: Sql) -> None:
    as_owner(REWRITE)
    assert trail.says("rows were changed together with their hashes", "was signed for others")
    assert not trail.says("was changed after it was written")


def test_the_sealer_seals_nothing_more(trail: Trail, as_owner: Sql) -> None:
    as_owner(REWRITE)
    with pytest.raises(Tampered, match="is not what its checkpoint of"):
        trail.executes()


def test_heads_signed_by_another_key_are_forged(trail: Trail, as_owner: Sql) -> None:
    as_owner(REWRITE)
    mallory = Sealer(b"\x66" * 32)
    with transaction(trail.engine) as session:
        heads = session.execute(text("SELECT size FROM audit_checkpoint")).scalars().all()
        for size in heads:
            root = tree_root(StoredHashes(session), size)
            as_owner(
                "UPDATE audit_checkpoint SET root = :root, note = :note WHERE size = :size",
                root=root, note=mallory.sign(size, root), size=size,
            )  # fmt: skip
    assert trail.says("checkpoint", "is forged", f"not signed by {trail.key.verifier.name}")
    assert trail.says("not those that the saved head was signed for")


def test_a_row_that_is_not_sealed_yet_is_held_by_the_one_after_it(trail: Trail, as_owner: Sql) -> None:
    """Faster than the sealer, she gives one row another text and the hash that fits it."""
    for is_on in (True, False):
        with transaction(trail.engine) as session:
            set_kill_switch(session, is_on, by="alice", reason="a test")
    with transaction(trail.engine) as session:
        row = session.execute(text("SELECT max(id) - 1 FROM audit_event")).scalar_one()
    as_owner("UPDATE audit_event SET actor = 'mallory' WHERE id = :row", row=row)
    alone = REWRITE.replace('UPDATE audit_event SET details = \'{"outcome": "success"}\' WHERE id = 5;', "")
    as_owner(alone.replace("id >= 5", f"id = {row}").replace("id = 5", f"id = {row}"))
    assert trail.says(f"row {row + 1} ", "does not follow the row before it")
    assert not trail.says("was changed after it was written")
