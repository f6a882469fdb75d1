"""What is put on record about each call of a host tool, allowed or refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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


def record_of(
    call: ToolCall,
    decision: Decision,
    *,
    gate: int | None = None,
    gate_code: str | None = None,
    detail: str = "",
    argv: tuple[tuple[str, ...], ...] = (),
    exit_code: int | None = None,
    duration_ms: int | None = None,
) -> AuditRecord:
    caller = call.caller
    return AuditRecord(
        decision=decision,
        purpose=call.purpose,
        project=caller.project,
        agent=caller.agent,
        role=caller.role,
        run=caller.run,
        session=caller.session,
        incident=caller.incident,
        approval=caller.approval,
        tool=call.tool,
        host=call.host.name,
        parameters=dict(call.parameters),
        gate=gate,
        gate_code=gate_code,
        detail=detail,
        argv=argv,
        exit_code=exit_code,
        duration_ms=duration_ms,
    )
