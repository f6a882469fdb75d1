"""What a list of requests shows: one line each, with the outcome and the verdict of what was executed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from countersign.execution.wording import age
from countersign.masking import masked
from countersign.records.approval_list import ApprovalRow
from countersign.records.database.identifiers import short_id
from countersign.records.states import ApprovalStatus
from countersign.texts import text

HEADS = ("id", "status", "signed", "outcome", "verdict", "age", "risk", "requester")
MORE_HEADS = ("whole_id", "filed", "cluster", "incident", "waits_for")


def row_json(row: ApprovalRow) -> dict[str, Any]:
    """Return a request and what became of it as JSON values, secrets masked."""
    approval = row.approval
    return {
        "id": str(approval.id),
        "status": approval.status,
        "risk_level": approval.risk_level,
        "action": masked(approval.action),
        "requested_by": approval.requested_by,
        "created_at": approval.created_at.isoformat(),
        "signatures": {"given": row.given, "needed": approval.required_signatures},
        "outcome": row.outcome,
        "verdict": row.verdict,
        "rolled_back": row.rolled_back,
        "incident_id": approval.incident_id,
        "waiting_until": approval.waiting_until.isoformat() if approval.waiting_until else None,
        "waiting_reason": approval.waiting_reason and masked(approval.waiting_reason),
    }


def list_lines(rows: Sequence[ApprovalRow], *, now: datetime, wide: bool = False) -> list[tuple[str, ...]]:
    """Return the columns of a list with their heads, one line for each row."""
    heads = tuple(text(f"column.{name}") for name in (*HEADS, *(MORE_HEADS if wide else ()), "action"))
    return [heads, *((*_cells(row, now), *(_more(row) if wide else ()), _action(row)) for row in rows)]


def _cells(row: ApprovalRow, now: datetime) -> tuple[str, ...]:
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
    )


def _more(row: ApprovalRow) -> tuple[str, ...]:
    approval = row.approval
    return (
        str(approval.id),
        f"{approval.created_at:%Y-%m-%d %H:%M:%S}",
        str((approval.target or {}).get("cluster") or ""),
        approval.incident_id or "",
        masked(" ".join((approval.waiting_reason or "").split())),
    )


def _action(row: ApprovalRow) -> str:
    return masked(" ".join(row.approval.action.split()))
