"""What a list of requests shows: one line each, with the outcome and the verdict of what was executed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from countersign.execution.wording import age
from countersign.masking import masked
from countersign.records.approvals import signatures_of
from countersign.records.database.identifiers import short_id
from countersign.records.evidence import evidence_of
from countersign.records.queries import execution_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import ApprovalStatus, Decision, EvidencePhase
from countersign.records.tables import Approval
from countersign.texts import text


@dataclass(frozen=True)
class ApprovalRow:
    """One request, and what became of it."""

    approval: Approval
    given: int
    """Signatures that say yes."""
    outcome: str | None
    verdict: str | None
    rolled_back: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, secrets masked."""
        row = self.approval
        return {
            "id": str(row.id),
            "status": row.status,
            "risk_level": row.risk_level,
            "action": masked(row.action),
            "requested_by": row.requested_by,
            "created_at": row.created_at.isoformat(),
            "signatures": {"given": self.given, "needed": row.required_signatures},
            "outcome": self.outcome,
            "verdict": self.verdict,
            "rolled_back": self.rolled_back,
            "waiting_until": row.waiting_until.isoformat() if row.waiting_until else None,
            "waiting_reason": row.waiting_reason and masked(row.waiting_reason),
        }


def approval_row(session: Session, approval: Approval) -> ApprovalRow:
    """Return what a list shows of `approval`."""
    execution = execution_of(session, approval.id)
    found = evidence_of(session, execution.id).get(EvidencePhase.AFTER) if execution is not None else None
    back = rollback_of(session, execution.id) if execution is not None else None
    return ApprovalRow(
        approval,
        sum(row.decision == Decision.APPROVE for row in signatures_of(session, approval.id)),
        execution.outcome.value if execution is not None and execution.outcome is not None else None,
        found.verdict.value if found is not None and found.verdict is not None else None,
        back is not None and back.outcome is not None and back.outcome.is_success,
    )


def list_lines(rows: Sequence[ApprovalRow], *, now: datetime) -> list[tuple[str, ...]]:
    """Return the columns of a list with their heads, one line for each row."""
    return [
        ("id", "status", "signed", "outcome", "verdict", "age", "risk", "requested by", "action"),
        *(_line(row, now) for row in rows),
    ]


def _line(row: ApprovalRow, now: datetime) -> tuple[str, ...]:
    approval = row.approval
    verdict = text(f"verdict.{row.verdict}") if row.verdict else ""
    if row.rolled_back:
        verdict = text("state.rolled_back", verdict=verdict)
    waits = approval.waiting_until is not None and approval.status is ApprovalStatus.APPROVED
    status = text("outcome.postponed" if waits else f"approval_status.{approval.status}")
    return (
        short_id(approval.id),
        status,
        f"{row.given}/{approval.required_signatures}",
        text(f"outcome.{row.outcome}") if row.outcome else "",
        verdict,
        age((now - approval.created_at).total_seconds()),
        text(f"risk.{approval.risk_level}"),
        approval.requested_by,
        masked(" ".join(approval.action.split())),
    )
