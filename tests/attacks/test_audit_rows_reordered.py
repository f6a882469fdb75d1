"""Holds the database's owner: lets two things have happened in the other order."""

from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


def test_rows_whose_places_in_the_chain_were_swapped_are_named(trail: Trail, as_owner: Sql) -> None:
    as_owner("ALTER TABLE audit_event DROP CONSTRAINT uq_audit_event_chain_position")
    as_owner("UPDATE audit_event SET position = 11 - position WHERE id IN (5, 6)")
    as_owner("ALTER TABLE audit_event ADD CONSTRAINT uq_audit_event_chain_position UNIQUE (chain, position)")
    assert trail.says("row 5 ", "was changed after it was written")


def test_rows_whose_places_in_the_tree_were_swapped_are_named(trail: Trail, as_owner: Sql) -> None:
    as_owner("UPDATE audit_leaf SET leaf_index = leaf_index + 1000 WHERE leaf_index IN (4, 5)")
    as_owner("UPDATE audit_leaf SET leaf_index = 1009 - leaf_index WHERE leaf_index > 1000")
    assert trail.says("stands after row")
    assert trail.says("was signed for others")
