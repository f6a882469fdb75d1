"""Holds the runtime's or the owner's connection: writes records without an audit row."""

from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


WRITTEN = [
    (
        "INSERT INTO journal_entry (execution_id, fence, kind, step, attempt) "
        "SELECT id, 1, 'intent', '2', 1 FROM execution LIMIT 1",
        "journal entry",
    ),
    (
        "INSERT INTO signature (approval_id, signer, decision, algorithm, key_id, value, form, created_at) "
        "SELECT id, 'mallory', 'approve', 'ed25519', 'k', 'v', 2, now() FROM approval LIMIT 1",
        "signature",
    ),
    (
        "INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until) "
        "SELECT gen_random_uuid(), id, true, 1, 'm', now() FROM approval LIMIT 1",
        "execution",
    ),
    (
        "INSERT INTO approval (id, action, risk_level, requested_by, required_signatures, created_at, status) "
        "VALUES (gen_random_uuid(), 'x', 'low', 'm', 1, now(), 'approved')",
        "approval",
    ),
    (
        "INSERT INTO control_change (name, is_on, changed_by, reason) VALUES ('kill_switch', false, 'm', 'x')",
        "control change",
    ),
    (
        "INSERT INTO host_gateway_audit (session_id, agent, agent_role, project, host, tool, purpose, decision, "
        "allowed) VALUES ('s', 'a', 'r', 'p', 'h', 't', 'apply', 'allowed', true)",
        "gateway call",
    ),
]


def test_every_record_that_no_row_tells_of_is_named(trail: Trail, as_owner: Sql) -> None:
    for statement, _ in WRITTEN:
        as_owner(statement)
    sentences = trail.sentences()
    for _, record in WRITTEN:
        wanted = f"{record} "
        assert any(said.startswith(wanted) and "no audit row tells of it" in said for said in sentences), record


def test_a_record_that_is_said_to_be_older_than_the_audit_is_named(trail: Trail, as_owner: Sql) -> None:
    as_owner("SELECT audit_append('x', 'audit:record:adopted', 'migration', 'signature:99', '{}')")
    assert trail.says("says that a record is older than the audit")


def test_a_row_put_in_beside_the_sealer_is_named(trail: Trail, as_owner: Sql) -> None:
    for _ in range(3):  # until the sealer knows that nothing can come before its rows any more
        trail.executes()
    as_owner(
        "INSERT INTO audit_event (id, chain, position, event, actor, details, at, previous, hash) "
        "OVERRIDING SYSTEM VALUE SELECT 0, 'x', 1, event, actor, details, at, previous, hash FROM audit_event "
        "WHERE id = 1"
    )
    assert trail.says("row 0 ", "was put in beside the sealer")
