"""Taking a request back: its requester does, before anybody has started it."""

from sqlmodel import Session

from countersign.errors import Forbidden
from countersign.policy.access import Identity
from countersign.records.approvals import cancel_approval
from countersign.records.tables import Approval


def withdraw(session: Session, approval: Approval, *, acting: Identity, reason: str = "") -> Approval:
    """Withdraw `approval`. Raises Forbidden for anybody else, InvalidInput once it is too late."""
    if not acting.is_named(approval.requested_by):
        raise Forbidden(
            f"{acting.name} did not request {approval.id}, {approval.requested_by} did.",
            hint="a signer rejects it, with a signature and a reason",
        )
    return cancel_approval(session, approval.id, by=acting.name, reason=reason)
