"""Holds the database's owner: puts an execution with a plan of her own beside a genuinely signed request."""

from uuid import UUID, uuid4

import pytest

from countersign.execution.plan_seal import SealedJournal
from countersign.records.database.engine import transaction
from countersign.records.owned import Owned
from countersign.records.queries import get_execution
from tests.attacks.conftest import Office, Sql, audited
from tests.execution.test_interrupted_runs import killed

SIGNED = "kubectl rollout restart deployment/web -n prod"
FOREIGN = "kubectl scale deployment/payments --replicas=0 -n prod"


def planned(office: Office, action: str) -> tuple[UUID, UUID]:
    """Let a genuine run plan, and die; return its approval and execution."""
    run = killed(office, action, at="planned")
    return run.approval_id, run.known.owned.execution_id


def plant(as_owner: Sql, approval: UUID, *, copied_from: UUID, seal: str) -> UUID:
    """Copy the plan of `copied_from` into a new execution of `approval`, whose owner looks dead."""
    execution = uuid4()
    as_owner("UPDATE approval SET status = 'executing' WHERE id = :id", id=approval)
    as_owner(
        f"""INSERT INTO execution (id, approval_id, dry_run, fence, worker, lease_until, started_at, plan, plan_hash,
                                   plan_mac)
            SELECT :id, :approval, false, 1, 'dead', now() - interval '1 hour', now(), plan, plan_hash, {seal}
            FROM execution WHERE id = :source""",
        id=execution,
        approval=approval,
        source=copied_from,
    )
    return execution


@pytest.mark.parametrize("seal", ["NULL", "''", "plan_mac", "repeat('0', 64)"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_planted_plan_is_not_performed(office: Office, as_owner: Sql, seal: str, *, begun: bool) -> None:
    _, source = planned(office, FOREIGN)
    as_owner("UPDATE target_hold SET released_at = now() WHERE released_at IS NULL")
    approval = office.approved(SIGNED, risk="low")
    execution = plant(as_owner, approval, copied_from=source, seal=seal)
    if begun:
        # As if a request had been sent and not landed, so that it would be sent again without a new plan.
        for kind, answer in (("intent", "NULL"), ("answer", "'not_landed'")):
            as_owner(
                f"""INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, at)
                    SELECT id, 1, '{kind}', plan->'steps'->0->>'key', 1, {answer}, '{{}}', now()
                    FROM execution WHERE id = :id""",
                id=execution,
            )
    office.cluster.log.clear()
    report = office.run(approval)
    assert report.outcome == ("unknown" if begun else "blocked")
    assert f"The plan of execution {execution} is not one that Countersign made for it." in report.message
    assert "tampering:plan:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()


@pytest.mark.parametrize("begun", [False, True])
def test_a_planted_plan_with_a_true_seal_is_not_of_what_was_signed(
    office: Office, as_owner: Sql, *, begun: bool
) -> None:
    """She has the key of the seals, too."""
    _, source = planned(office, FOREIGN)
    as_owner("UPDATE target_hold SET released_at = now() WHERE released_at IS NULL")
    approval = office.approved(SIGNED, risk="low")
    execution = plant(as_owner, approval, copied_from=source, seal="plan_mac")
    with transaction(office.services.engine) as session:
        plan_hash = get_execution(session, execution).plan_hash
        held = Owned(execution, 1)
    assert plan_hash is not None
    as_owner("UPDATE execution SET plan_mac = :mac", mac=office.services.seal.of_plan(execution, plan_hash))
    if begun:
        as_owner("UPDATE execution SET lease_until = now() + interval '1 hour' WHERE id = :id", id=execution)
        journal = SealedJournal(office.services.engine, office.services.seal, held)
        step = "1"
        journal.intend(step=step, attempt=1, payload={}, lease_needed_seconds=0, expires=False)
        as_owner("UPDATE execution SET lease_until = now() - interval '1 hour' WHERE id = :id", id=execution)
    office.cluster.log.clear()
    report = office.run(approval)
    assert not report.success
    assert "The plan on record is not one of the signed action" in report.message
    assert "tampering:plan:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()


@pytest.mark.parametrize(
    "change",
    [
        "jsonb_set(plan, '{steps,0,request,path}', '\"/apis/apps/v1/namespaces/prod/deployments/payments\"')",
        "jsonb_set(plan, '{steps,0,request,body,0,value}', '\"another-uid\"')",
        "jsonb_set(plan, '{refs,0,name}', '\"payments\"')",
        "jsonb_set(plan, '{impact,affected_pods}', '0')",
        "plan || '{\"steps\": []}'",
        "'{}'",
    ],
)
def test_a_changed_plan_is_not_performed(office: Office, as_owner: Sql, change: str) -> None:
    approval, execution = planned(office, SIGNED)
    as_owner(f"UPDATE execution SET plan = {change} WHERE id = :id", id=execution)
    office.cluster.log.clear()
    report = office.run(approval)
    assert report.outcome == "blocked"
    assert "is not one that Countersign made for it" in report.message
    assert "tampering:plan:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_entry WHERE execution_id = :id AND kind = 'intent'",
        "UPDATE journal_entry SET answer = 'not_landed' WHERE execution_id = :id AND kind = 'answer'",
        "UPDATE journal_entry SET step = 'another' WHERE execution_id = :id AND kind = 'answer'",
        """INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, mac, at)
           SELECT execution_id, fence, kind, step, attempt, answer, payload, mac, at FROM journal_entry
           WHERE execution_id = :id AND kind = 'answer'""",
        """UPDATE journal_entry SET payload = payload || '{"seen": {"generation": 9}}'
           WHERE execution_id = :id AND kind = 'answer'""",
    ],
)
def test_a_changed_journal_is_not_believed(office: Office, as_owner: Sql, statement: str) -> None:
    run = killed(office, SIGNED, at="answered:")
    approval, execution = run.approval_id, run.known.owned.execution_id
    as_owner(statement, id=execution)
    office.cluster.log.clear()
    report = office.run(approval)
    assert report.outcome == "unknown"
    assert f"The journal of execution {execution} is not as Countersign wrote it" in report.message
    assert "tampering:journal:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()
