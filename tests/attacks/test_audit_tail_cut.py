"""Holds the database's owner: cuts off the end of the trail, with leaves, heads and records."""

import pytest

from countersign.errors import Tampered
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


CUT = (
    "DELETE FROM audit_event WHERE id > 14",
    "DELETE FROM audit_leaf WHERE leaf_index >= 14",
    "DELETE FROM audit_tile",
    "DELETE FROM audit_checkpoint WHERE size > 14",
)


def test_a_head_that_was_kept_tells_how_much_is_missing(trail: Trail, as_owner: Sql) -> None:
    for statement in CUT:
        as_owner(statement)
    assert trail.says("the end was cut off", "saved head tells of 22 rows, 14 are sealed here")
    # The records that were cut off with their rows have to go, too, or they are told of.
    assert trail.says("no audit row tells of it")


def test_nothing_is_sealed_over_the_cut(trail: Trail, as_owner: Sql) -> None:
    for statement in CUT:
        as_owner(statement)
    with pytest.raises(Tampered, match="14 sealed rows, and had 22"):
        trail.seals()


def test_a_cut_that_leaves_the_heads_is_told_without_a_kept_one(trail: Trail, as_owner: Sql) -> None:
    for statement in CUT[:2]:
        as_owner(statement)
    trail.head_file.unlink()
    assert trail.says("the end was cut off: a checkpoint tells of")
