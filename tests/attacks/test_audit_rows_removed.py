"""Holds the database's owner: removes what an approval's audit says."""

from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


def test_the_rows_that_are_gone_are_counted_out(trail: Trail, as_owner: Sql) -> None:
    as_owner("DELETE FROM audit_event WHERE chain = :chain", chain=str(trail.approvals[1]))
    assert trail.says("was removed", "of the tree")
    assert trail.says("signature", "no audit row tells of it")


def test_rows_that_are_gone_with_their_leaves_are_missed(trail: Trail, as_owner: Sql) -> None:
    chain = str(trail.approvals[1])
    as_owner(
        "DELETE FROM audit_leaf WHERE event_id IN (SELECT id FROM audit_event WHERE chain = :chain)", chain=chain
    )
    as_owner("DELETE FROM audit_event WHERE chain = :chain", chain=chain)
    assert trail.says("leaves 7 to 13 are missing")


def test_one_row_in_the_middle_is_missed(trail: Trail, as_owner: Sql) -> None:
    as_owner("DELETE FROM audit_event WHERE id = 5")
    assert trail.says("rows 5 of approval", "are missing before row 6") or trail.says("row 5 was removed")


def test_leaves_moved_up_to_close_the_gap_are_not_those_that_were_signed(trail: Trail, as_owner: Sql) -> None:
    chain = str(trail.approvals[1])
    as_owner(
        "DELETE FROM audit_leaf WHERE event_id IN (SELECT id FROM audit_event WHERE chain = :chain)", chain=chain
    )
    as_owner("DELETE FROM audit_event WHERE chain = :chain", chain=chain)
    as_owner("UPDATE audit_leaf SET leaf_index = leaf_index - 7 WHERE leaf_index > 13")
    assert trail.says("was signed for others")
