"""Holds the database's owner: has a plan that was sealed for something else performed as a rollback."""

import pytest

from countersign.errors import Tampered
from countersign.execution.plan_seal import stored_plan
from countersign.records.database.engine import transaction
from countersign.records.rollbacks import rollback_of
from countersign.records.states import StepName, StepStatus
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.rollback.conftest import image_of, lenient, made_worse
from tests.attacks.conftest import Office, Sql, audited
from tests.attacks.test_foreign_plan import FOREIGN, planned

__all__ = ["lenient"]
FLIP = """
    UPDATE execution SET rolls_back = :of, approval_id = (SELECT approval_id FROM execution WHERE id = :of),
        lease_until = now() - interval '1 hour'
    WHERE id = :id
"""


@pytest.fixture
def office(office: Office) -> Office:
    return office.with_settings(
        verify_warm_up_seconds=0, verify_collect_seconds=0, verify_limit_seconds=30, step_retry_seconds=0.01
    )


def test_a_plan_of_another_approval_takes_nothing_back(lenient: Office, as_owner: Sql) -> None:
    """A genuine plan that was never performed: its approval expired, or a rule was against it."""
    _, foreign = planned(lenient, FOREIGN)
    report = made_worse(lenient)
    harmful = execution_id_of(report)
    as_owner(FLIP, of=harmful, id=foreign)
    lenient.cluster.log.clear()
    step = run_one(lenient, harmful, StepName.ROLL_BACK)
    assert step.status is not StepStatus.DONE
    assert "is not one that Countersign made for it" in (step.error or "")
    assert "tampering:plan:refused" in audited(lenient, report.approval_id)
    assert not lenient.cluster.log.mutations()
    assert image_of(lenient).endswith("missing")


def test_a_rollback_is_that_of_its_own_execution(lenient: Office, as_owner: Sql) -> None:
    """A genuine one, called that of another execution, or the approval's own."""
    other = execution_id_of(lenient.perform("NO_ACTION"))
    harmful = execution_id_of(made_worse(lenient))
    assert run_one(lenient, harmful, StepName.ROLL_BACK).status is StepStatus.DONE
    engine, seal = lenient.services.engine, lenient.services.seal
    with transaction(engine) as session:
        made = rollback_of(session, harmful)
    assert made is not None and stored_plan(engine, seal, made.id) is not None
    as_owner("UPDATE execution SET outcome = NULL, settled_at = NULL WHERE id IN (:id, :of)", id=made.id, of=harmful)
    for back in (other, None):
        as_owner("DELETE FROM execution WHERE id = :of", of=harmful)
        as_owner("UPDATE execution SET rolls_back = :back WHERE id = :id", back=back, id=made.id)
        with pytest.raises(Tampered, match="is not one that Countersign made for it"):
            stored_plan(engine, seal, made.id)


def test_a_verdict_that_was_planted_takes_back_nothing_that_is_well(lenient: Office, as_owner: Sql) -> None:
    report = lenient.perform("kubectl scale deployment/web --replicas=2 -n staging")
    harmful = execution_id_of(report)
    verified = run_one(lenient, harmful, StepName.VERIFY)
    assert verified.status is StepStatus.DONE
    as_owner(
        "UPDATE evidence_snapshot SET verdict = 'worse' WHERE execution_id = :id AND phase = 'after'", id=harmful
    )
    as_owner(
        """UPDATE ledger_step SET result = result || '{"verdict": "worse"}'
           WHERE execution_id = :id AND name = 'verify'""",
        id=harmful,
    )
    lenient.cluster.log.clear()
    step = run_one(lenient, harmful, StepName.ROLL_BACK)
    assert not (step.result or {}).get("rolled_back")
    assert not lenient.cluster.log.mutations()
