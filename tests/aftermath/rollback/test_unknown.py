"""Nobody can tell whether a rollback landed: it stays unknown until a person has looked, and the approval stays."""

from uuid import UUID

import pytest

from countersign.execution.manual_settlement import settle_by_hand
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.rollbacks import rollback_of
from countersign.records.states import ApprovalStatus, StepName
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.rollback.conftest import made_worse, seeded
from tests.aftermath.rollback.test_killed import at_point
from tests.execution.conftest import Office


def test_a_rollback_that_somebody_changed_under_a_lost_reply_is_unknown(
    lenient: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = made_worse(lenient)
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_AFTER))
    at_point(monkeypatch, "sent", lambda: seeded(lenient, "registry.local/web:3.0.5"))
    step = run_one(lenient, execution_id_of(report), StepName.ROLL_BACK)
    assert step.result is not None
    assert (step.result["rolled_back"], step.result["outcome"]) == (False, "unknown")
    with transaction(lenient.services.engine) as session:
        back = rollback_of(session, execution_id_of(report))
        assert back is not None
        found = settle_by_hand(session, back.id, outcome=Outcome.SUCCESS, reason="it was seen", by="alice")
    assert found.outcome == "success"
    with transaction(lenient.services.engine) as session:
        approval = get_approval(session, UUID(report.approval_id))
        assert (approval.status, approval.rejection_reason) == (ApprovalStatus.EXECUTED, None)
