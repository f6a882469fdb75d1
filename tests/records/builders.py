"""Short ways to the states that the tests start from."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from countersign.records.approvals import NewApproval, NewSignature, add_signature, file_approval
from countersign.records.claims import Claim, ClaimResult, claim
from countersign.records.database.engine import transaction
from countersign.records.owned import Owned
from countersign.records.states import Decision, RiskLevel
from countersign.records.tables import Approval

REQUEST = NewApproval(
    action="kubectl rollout restart deployment/api -n prod",
    risk_level=RiskLevel.LOW,
    requested_by="alice",
)


def unsealed(entry: Mapping[str, Any]) -> str:
    """The seal of tests that are about other things."""
    return "unsealed"


def now() -> datetime:
    return datetime.now(UTC)


def signed_by(signer: str, decision: Decision = Decision.APPROVE, comment: str = "") -> NewSignature:
    return NewSignature(
        signer=signer, decision=decision, comment=comment, algorithm="hmac-sha256", key_id="k1", value="abc", form=2
    )


def pending(engine: Engine, **changes: object) -> Approval:
    with transaction(engine) as session:
        return file_approval(session, replace(REQUEST, **changes), now=now())


def approved(engine: Engine, **changes: object) -> UUID:
    with transaction(engine) as session:
        filed = file_approval(session, replace(REQUEST, **changes), now=now())
        return add_signature(session, filed.id, signed_by("bob"), now=now()).id


def claims(engine: Engine, approval_id: UUID, *, worker: str = "w1", lease_seconds: float = 30) -> Claim:
    with transaction(engine) as session:
        return claim(session, approval_id, worker=worker, flow_run_id=None, lease_seconds=lease_seconds)


def owned(engine: Engine, **changes: object) -> Owned:
    """Claim a new approval."""
    won = claims(engine, approved(engine, **changes))
    assert won.result is ClaimResult.CLAIMED
    assert won.owned is not None
    return won.owned


def end_lease(engine: Engine, execution_id: UUID) -> None:
    """Make the owner look dead, without waiting for it."""
    with transaction(engine) as session:
        session.execute(
            text("UPDATE execution SET lease_until = clock_timestamp() WHERE id = :id"), {"id": execution_id}
        )


def taken_over(engine: Engine, old: Owned, *, worker: str = "w2") -> Owned:
    """End the old owner's lease and claim as another worker."""
    with transaction(engine) as session:
        approval_id = session.execute(
            text("SELECT approval_id FROM execution WHERE id = :id"), {"id": old.execution_id}
        ).scalar_one()
    end_lease(engine, old.execution_id)
    won = claims(engine, approval_id, worker=worker)
    assert won.result is ClaimResult.TAKEN_OVER
    assert won.owned is not None
    return won.owned
