"""Holds the database's owner: plants executions and answers, to have things done again or told that were not."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from countersign.audit.verifying import verify
from tests.attacks.conftest import Office, Sql, audited
from tests.execution.test_interrupted_runs import killed

RESTART = "kubectl rollout restart deployment/web -n prod"
ABANDONED = """
    INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until, started_at)
    VALUES (:id, :approval, false, 1, 'dead', now() - interval '1 hour', now())
"""
ANSWER = """
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, mac, at)
    SELECT id, fence, :kind, plan->'steps'->0->>'key', 1, :answer, '{}', :mac, now() FROM execution WHERE id = :id
"""


def findings(office: Office) -> list[str]:
    """Return the sentences of `countersign audit verify`."""
    return [found.sentence for found in verify(office.services.engine, verifier=None, saved=None).findings]


def test_a_second_execution_of_a_finished_approval_is_not_even_stored(office: Office, as_owner: Sql) -> None:
    report = office.perform(RESTART)
    assert report.success
    with pytest.raises(Exception, match="uq_execution_effective"):
        as_owner(ABANDONED, id=uuid4(), approval=report.approval_id)


@pytest.mark.parametrize("armed", ["dry_run = true", "rolls_back = id", "outcome = 'postponed'"])
def test_an_execution_that_makes_room_for_a_second_one_is_found(office: Office, as_owner: Sql, armed: str) -> None:
    """The first one is called a dry run, a rollback or put off, so that the approval can be claimed again."""
    approval = office.approved(RESTART)
    assert office.run(approval).success
    as_owner(f"UPDATE execution SET {armed} WHERE approval_id = :id", id=approval)
    as_owner("UPDATE approval SET status = 'approved' WHERE id = :id", id=approval)
    assert any("execution " in said and "was changed since" in said for said in findings(office))
    assert any(f"approval {approval} is approved in the records, and executed" in said for said in findings(office))


@pytest.mark.parametrize("outcome", ["'postponed'", "NULL"])
def test_the_running_role_cannot_take_an_outcome_back(office: Office, outcome: str) -> None:
    report = office.perform(RESTART)
    change = text(f"UPDATE execution SET outcome = {outcome} WHERE id = :id")
    with office.services.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(change, {"id": report.execution_id})
    assert (
        "has its outcome" in str(caught.value) or "postponed" in str(caught.value) or "settled" in str(caught.value)
    )
    assert not office.run(UUID(report.approval_id)).performed_by_this_run


@pytest.mark.parametrize("mac", [None, "", "0" * 64])
@pytest.mark.parametrize("intent", [True, False])
def test_an_answer_that_was_planted_makes_no_success(
    office: Office, as_owner: Sql, mac: str | None, *, intent: bool
) -> None:
    run = killed(office, RESTART, at="planned")
    execution = run.known.owned.execution_id
    if intent:
        as_owner(ANSWER, id=execution, kind="intent", answer=None, mac=mac)
    as_owner(ANSWER, id=execution, kind="answer", answer="landed", mac=mac)
    report = office.run(run.approval_id)
    assert (report.success, report.outcome) == (False, "unknown")
    assert "is not as Countersign wrote it" in report.message
    assert "tampering:journal:refused" in audited(office, run.approval_id)
    assert not office.cluster.log.mutations()


def test_an_answer_of_another_execution_makes_no_success(office: Office, as_owner: Sql) -> None:
    """A genuine journal of the same action, with its seals, put under an execution that sent nothing."""
    done = office.perform("kubectl rollout restart deployment/api -n prod")
    run = killed(office, RESTART, at="planned")
    as_owner(
        """INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, mac, at)
           SELECT :to, fence, kind, step, attempt, answer, payload, mac, at FROM journal_entry
           WHERE execution_id = :of ORDER BY seq""",
        of=done.execution_id,
        to=run.known.owned.execution_id,
    )
    office.cluster.log.clear()
    report = office.run(run.approval_id)
    assert (report.success, report.outcome) == (False, "unknown")
    assert "tampering:journal:refused" in audited(office, run.approval_id)
    assert not office.cluster.log.mutations()


def test_a_success_that_was_planted_is_found(office: Office, as_owner: Sql) -> None:
    approval = office.approved(RESTART)
    execution: UUID = uuid4()
    as_owner(ABANDONED, id=execution, approval=approval)
    as_owner(
        "UPDATE execution SET outcome = 'success', settled_at = now(), report = '{}' WHERE id = :id", id=execution
    )
    as_owner("UPDATE approval SET status = 'executed' WHERE id = :id", id=approval)
    sentences = findings(office)
    for record in (f"execution {execution}", f"outcome of execution {execution}"):
        assert any(said.startswith(record) and "no audit row tells of it" in said for said in sentences), sentences
    assert any(
        f"approval {approval} is executed in the records, and approved in the audit" in one for one in sentences
    )
