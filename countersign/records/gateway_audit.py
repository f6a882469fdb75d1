"""The audit of the host gateway: one row per decision about a call, and per end of an allowed one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from countersign.records.audit_events import Event
from countersign.records.audit_sources import GATEWAY_CALL, tell
from countersign.records.database.storable import ERROR_LIMIT, clean, clipped, told_json
from countersign.records.tables import GatewayAudit


@dataclass(frozen=True, kw_only=True)
class GatewayCall:
    """What is kept about one call."""

    session_id: str
    agent: str
    agent_role: str
    project: str
    host: str
    tool: str
    parameters: Mapping[str, Any]
    purpose: str
    decision: str
    argv: Sequence[Sequence[str]] = ()
    incident_id: str | None = None
    approval_id: UUID | None = None
    execution_id: UUID | None = None
    gate: int | None = None
    """The gate that refused, 1 to 5; None where the call was allowed."""
    gate_code: str | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    error: str | None = None


def record_call(session: Session, call: GatewayCall) -> None:
    """Append one row."""
    row = GatewayAudit(
        session_id=clean(call.session_id),
        incident_id=call.incident_id,
        agent=clean(call.agent),
        agent_role=clean(call.agent_role),
        approval_id=call.approval_id,
        execution_id=call.execution_id,
        project=clean(call.project),
        host=clean(call.host),
        tool=clean(call.tool),
        parameters=told_json(call.parameters),
        purpose=call.purpose,
        decision=call.decision,
        argv=told_json(call.argv) or None,
        allowed=call.gate is None,
        gate=call.gate,
        gate_code=call.gate_code,
        exit_code=call.exit_code,
        duration_ms=call.duration_ms,
        error=clipped(call.error, ERROR_LIMIT),
        at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    assert row.seq is not None
    tell(session, _event_of(call), GATEWAY_CALL, row.seq)


def calls_of(session: Session, approval_id: UUID) -> Sequence[GatewayAudit]:
    """Return the calls made for an approval, in their order."""
    query = select(GatewayAudit).where(col(GatewayAudit.approval_id) == approval_id)
    return session.exec(query.order_by(col(GatewayAudit.seq))).all()


def _event_of(call: GatewayCall) -> Event:
    if call.gate is not None:
        return Event.CALL_REFUSED
    return Event.CALL_ENDED if call.decision in ("completed", "failed") else Event.CALL_ALLOWED
