"""Holds the database's owner: changes an audit row with triggers switched off."""

from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


CHANGES = {
    2: "actor = 'mallory'",
    3: "event = 'execution:outcome:settled'",
    4: "about = 'journal_entry:999'",
    5: "details = '{}'",
    6: "at = at + interval '1 microsecond'",
    7: "at = at - interval '1 hour'",
    8: "chain = 'elsewhere'",
    9: "previous = sha256('x')",
}


def test_every_changed_row_is_named(trail: Trail, as_owner: Sql) -> None:
    for row, change in CHANGES.items():
        as_owner(f"UPDATE audit_event SET {change} WHERE id = {row}")
    sentences = trail.sentences()
    for row in CHANGES:
        assert any(f"row {row} " in said and "was changed after it was written" in said for said in sentences), row


def test_a_row_whose_hash_was_made_to_fit_is_named(trail: Trail, as_owner: Sql) -> None:
    as_owner("UPDATE audit_event SET hash = sha256('x') WHERE id = 5")
    assert trail.says("row 5 ", "was replaced after it was sealed")
