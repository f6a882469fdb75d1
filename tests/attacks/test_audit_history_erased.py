"""Holds the database's owner: erases an execution and arms its approval again, to have it run twice."""

from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


def test_what_was_erased_is_named(trail: Trail, as_owner: Sql) -> None:
    approval = trail.approvals[0]
    as_owner(
        "DELETE FROM journal_entry WHERE execution_id IN (SELECT id FROM execution WHERE approval_id = :id)",
        id=approval,
    )
    as_owner("DELETE FROM execution WHERE approval_id = :id", id=approval)
    as_owner("UPDATE approval SET status = 'approved', rejection_reason = NULL WHERE id = :id", id=approval)
    assert trail.says("execution ", "is gone from the records")
    assert trail.says("journal entry ", "is gone from the records")
    assert trail.says(f"approval {approval} is approved in the records, and failed in the audit")


CHANGES = [
    ("UPDATE execution SET outcome = 'success', error = NULL WHERE approval_id = :id", "outcome of execution"),
    ("UPDATE execution SET plan = '{}' WHERE approval_id = :id", "plan of execution"),
    ("UPDATE execution SET started_at = now() WHERE approval_id = :id", "execution"),
    ("UPDATE signature SET signer = 'carol' WHERE approval_id = :id", "signature"),
    ("UPDATE approval SET action = 'something else' WHERE id = :id", "approval"),
    (
        "UPDATE journal_entry SET payload = '{}' WHERE kind = 'intent' AND execution_id = "
        "(SELECT id FROM execution WHERE approval_id = :id)",
        "journal entry",
    ),
    ("UPDATE control_change SET reason = 'x' WHERE :id IS NOT NULL", "control change"),
]


def test_every_record_that_was_changed_is_named(trail: Trail, as_owner: Sql) -> None:
    for statement, _ in CHANGES:
        as_owner(statement, id=trail.approvals[0])
    sentences = trail.sentences()
    for _, record in CHANGES:
        assert any(said.startswith(f"{record} ") and "was changed since" in said for said in sentences), record


def test_a_switch_that_was_turned_in_silence_is_named(trail: Trail, as_owner: Sql) -> None:
    with transaction(trail.engine) as session:
        set_kill_switch(session, True, by="alice", reason="storm")
    as_owner("UPDATE control SET is_on = false")
    assert trail.says("the kill switch is off in the records, and on in the audit")
