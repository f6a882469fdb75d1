"""An approval with everything that belongs to it as JSON values, secrets masked: for the API and the command line."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.execution.follow_up import follow_up_of
from countersign.masking import masked, masked_values
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.queries import executions_of
from countersign.records.timeline import events_of

APPROVAL_FIELDS = (
    "id", "status", "action", "description", "risk_level", "requested_by", "required_signatures", "target",
    "parameters", "incident_id", "matched_playbook_id", "expires_at", "not_before", "start", "when_blocked",
    "waiting_until", "waiting_reason", "blast_radius", "created_at", "rejection_reason",
)  # fmt: skip


def approval_facts(session: Session, approval_id: UUID) -> dict[str, Any]:
    """Return an approval with everything that belongs to it as JSON values, secrets masked. Raises NotFound."""
    approval = get_approval(session, approval_id)
    found: dict[str, Any] = masked_values({name: _value(getattr(approval, name)) for name in APPROVAL_FIELDS})
    found["signatures"] = [
        {
            "signer": row.signer,
            "decision": row.decision,
            "key_id": row.key_id,
            "comment": masked(row.comment),
            "at": row.created_at.isoformat(),
        }
        for row in signatures_of(session, approval_id)
    ]
    found["executions"] = [
        {
            "id": str(row.id),
            "dry_run": row.dry_run,
            "outcome": row.outcome,
            "policy": {"number": row.policy_number, "hash": row.policy_hash} if row.policy_hash else None,
            "worker": row.worker,
            "started_at": row.started_at.isoformat(),
            "report": row.report,
            "rolls_back": str(row.rolls_back) if row.rolls_back else None,
            "follow_up": follow_up_of(session, row.id).model_dump(mode="json"),
        }
        for row in executions_of(session, approval_id)
    ]
    found["timeline"] = [
        {"at": row.at.isoformat(), "status": row.status, "title": row.title, "description": row.description}
        for row in events_of(session, approval_id=approval_id)
    ]
    return found


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | dict | list | None) else str(value)
