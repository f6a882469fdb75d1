"""Whoever has the running role's credentials calls an execution put off that has sent its request: it runs no second
time, since the journal that would have to say so is sealed.
"""

import pytest
from sqlalchemy import text

from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from tests.attacks.conftest import audited
from tests.execution.conftest import Office
from tests.execution.test_interrupted_runs import killed

RESTART = "kubectl rollout restart deployment/api -n prod"
# Everything that the running role may do.
KEPT_BACK = text("""
    INSERT INTO journal_entry (execution_id, fence, kind, step, attempt, answer, payload, mac, at)
    SELECT execution_id, fence, 'answer', step, attempt, 'not_sent', '{}', mac, clock_timestamp()
    FROM journal_entry WHERE execution_id = :id AND kind = 'intent'
""")
PUT_OFF = text("UPDATE execution SET outcome = 'postponed', settled_at = clock_timestamp() WHERE id = :id")
GIVEN_BACK = text("UPDATE approval SET status = 'approved' WHERE id = :approval_id")


@pytest.mark.parametrize("at", ["sent:", "answered:"])
def test_a_request_that_left_is_not_sent_again(office: Office, at: str) -> None:
    run = killed(office, RESTART, at=at)
    with transaction(office.services.engine) as session:
        execution = execution_of(session, run.approval_id)
        assert execution is not None
        session.execute(KEPT_BACK, {"id": execution.id})
        session.execute(PUT_OFF, {"id": execution.id})
        session.execute(GIVEN_BACK, {"approval_id": run.approval_id})
    sent = len(office.cluster.requests.mutations())
    report = office.run(run.approval_id)
    assert (report.outcome, len(office.cluster.requests.mutations())) == ("unknown", sent)
    assert "tampering" in " ".join(audited(office, str(run.approval_id)))
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status == "failed"
