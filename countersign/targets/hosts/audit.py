"""What is put on record about each call of a host tool, allowed or refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from countersign.errors import GateRefused
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.keys import KeyBinding, binding
from countersign.targets.hosts.rules import Caller


class Purpose(StrEnum):
    """Why the host is asked."""

    PLAN = "plan"
    PREFLIGHT = "preflight"
    APPLY = "apply"
    INSPECT = "inspect"
    OBSERVE = "observe"


class Decision(StrEnum):
    """What became of a call."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    SHADOW = "shadow"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool, as the gateway judges it."""

    tool: str
    host: HostSettings
    parameters: Mapping[str, str]
    caller: Caller
    purpose: Purpose

    @property
    def binding(self) -> KeyBinding:
        """What the approval key of this call is bound to."""
        return binding(
            project=self.caller.project,
            agent=self.caller.agent,
            tool=self.tool,
            host=self.host.name,
            parameters=self.parameters,
            run=self.caller.run,
            session=self.caller.session or "",
        )


@dataclass(frozen=True)
class AuditRecord:
    """One line of the audit: a decision about a call, or how an allowed call ended."""

    decision: Decision
    purpose: Purpose
    project: str
    agent: str
    role: str
    run: str
    session: str | None
    incident: str | None
    approval: str | None
    tool: str
    host: str
    parameters: Mapping[str, str]
    gate: int | None = None
    gate_code: str | None = None
    detail: str = ""
    argv: tuple[tuple[str, ...], ...] = field(default=())
    """What was or, in shadow mode, would have been run."""
    exit_code: int | None = None
    duration_ms: int | None = None


Audit = Callable[[AuditRecord], None]
"""Keeps a record. If it raises, the call is not made."""


def refused_host(caller: Caller, *, tool: str, written: str, parameters: Mapping[str, str]) -> AuditRecord:
    """Return the record of a call that names a host which the fleet does not have."""
    return _record(
        caller,
        Decision.REFUSED,
        Purpose.PLAN,
        tool=tool,
        host=written,
        parameters=parameters,
        gate=3,
        gate_code="host_unknown",
        detail="the fleet has no such host",
    )


def record_of(
    call: ToolCall,
    decision: Decision,
    *,
    refusal: GateRefused | None = None,
    detail: str = "",
    argv: tuple[tuple[str, ...], ...] = (),
    exit_code: int | None = None,
    duration_ms: int | None = None,
) -> AuditRecord:
    """Return the record of a decision about `call`; a `refusal` brings its gate, code and reason."""
    record = _record(
        call.caller,
        decision,
        call.purpose,
        tool=call.tool,
        host=call.host.name,
        parameters=call.parameters,
        gate=refusal.gate if refusal else None,
        gate_code=refusal.gate_code if refusal else None,
        detail=refusal.message if refusal else detail,
    )
    return replace(record, argv=argv, exit_code=exit_code, duration_ms=duration_ms)


def _record(
    caller: Caller,
    decision: Decision,
    purpose: Purpose,
    *,
    tool: str,
    host: str,
    parameters: Mapping[str, str],
    gate: int | None,
    gate_code: str | None,
    detail: str,
) -> AuditRecord:
    return AuditRecord(
        decision=decision,
        purpose=purpose,
        project=caller.project,
        agent=caller.agent,
        role=caller.role,
        run=caller.run,
        session=caller.session,
        incident=caller.incident,
        approval=caller.approval,
        tool=tool,
        host=host,
        parameters=dict(parameters),
        gate=gate,
        gate_code=gate_code,
        detail=detail,
    )
