"""The trail: timeline for people, operation log for machines, audits of the kill switch and the host gateway."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, text
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT, STDERR_LIMIT
from countersign.records.states import EventStatus, LogStatus
from countersign.records.tables.columns import (
    Record,
    check_length,
    check_one_of,
    document,
    identifier,
    moment,
    one_of,
    reference,
    sequence,
    word_list,
    words,
)


class TimelineEvent(Record, table=True):
    """Something that happened to an approval or an incident, told for people. Append-only."""

    __tablename__ = "timeline_event"
    __table_args__ = (
        check_one_of("status", EventStatus),
        CheckConstraint("approval_id IS NOT NULL OR incident_id IS NOT NULL", name="about_something"),
        Index("ix_timeline_event_approval_id_seq", "approval_id", "seq"),
        Index("ix_timeline_event_incident_id_seq", "incident_id", "seq"),
        # The same event told twice (a replayed step) is one row.
        Index("uq_timeline_event_once", "once_key", unique=True),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    approval_id: UUID | None = Field(default=None, sa_column=reference("approval", null=True))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    type: str = Field(sa_column=words())
    status: EventStatus = Field(sa_column=one_of(EventStatus))
    title: str = Field(sa_column=words())
    description: str = Field(default="", sa_column=words(default=""))
    actor: str = Field(sa_column=words())
    actor_role: str = Field(sa_column=words())
    once_key: str | None = Field(default=None, sa_column=words(null=True))
    at: datetime = Field(sa_column=moment(clock=True))


class OperationLog(Record, table=True):
    """Machine-readable row per execution. A row is opened as pending and closed once; nothing else is allowed."""

    __tablename__ = "automation_operation_log"
    __table_args__ = (
        check_one_of("status", LogStatus),
        check_length("error", ERROR_LIMIT),
        check_length("stderr_feed_back", STDERR_LIMIT),
        CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="closed_has_time"),
        Index("uq_automation_operation_log_execution_id", "execution_id", unique=True),
        Index("ix_automation_operation_log_approval_id", "approval_id"),
        Index("ix_automation_operation_log_opened_at", "opened_at"),
        # Reconciliation: rows still open.
        Index("ix_automation_operation_log_pending", "opened_at", postgresql_where=text("status = 'pending'")),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID = Field(sa_column=reference("execution"))
    approval_id: UUID = Field(sa_column=reference("approval"))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    operation_type: str = Field(sa_column=words())
    """The verb or host tool; "unparsed" until the action was read."""
    actor: str = Field(sa_column=words())
    status: LogStatus = Field(sa_column=one_of(LogStatus))
    target: str | None = Field(default=None, sa_column=words(null=True))
    namespace: str | None = Field(default=None, sa_column=words(null=True))
    input: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    output: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    error: str | None = Field(default=None, sa_column=words(null=True))
    stderr_feed_back: str | None = Field(default=None, sa_column=words(null=True))
    tags: list[str] = Field(default_factory=list, sa_column=word_list())
    attempts: int = Field(default=0, sa_column=Column(Integer(), nullable=False))
    duration_ms: int | None = Field(default=None, sa_column=Column(BigInteger(), nullable=True))
    opened_at: datetime = Field(sa_column=moment(clock=True))
    closed_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class ControlSwitch(Record, table=True):
    """A switch that every execution reads immediately before the effect. The row cannot be deleted."""

    __tablename__ = "control"
    __table_args__ = (CheckConstraint("name IN ('kill_switch')", name="name_known"),)

    name: str = Field(sa_column=Column(words().type, primary_key=True))
    is_on: bool = Field(sa_column=Column(Boolean(), nullable=False))
    changed_by: str = Field(sa_column=words())
    reason: str = Field(sa_column=words())
    changed_at: datetime = Field(sa_column=moment(clock=True))


class ControlChange(Record, table=True):
    """Who turned which switch, when and why. Append-only."""

    __tablename__ = "control_change"

    seq: int | None = Field(default=None, sa_column=sequence())
    name: str = Field(sa_column=words())
    is_on: bool = Field(sa_column=Column(Boolean(), nullable=False))
    changed_by: str = Field(sa_column=words())
    reason: str = Field(sa_column=words())
    at: datetime = Field(sa_column=moment(clock=True))


class GatewayAudit(Record, table=True):
    """One call of the host gateway, allowed or refused. Append-only."""

    __tablename__ = "host_gateway_audit"
    __table_args__ = (
        CheckConstraint("allowed = (gate IS NULL)", name="refused_at_gate"),
        CheckConstraint("gate BETWEEN 1 AND 5", name="gate_known"),
        check_length("error", ERROR_LIMIT),
        Index("ix_host_gateway_audit_approval_id", "approval_id"),
        Index("ix_host_gateway_audit_at", "at"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    session_id: str = Field(sa_column=words())
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    agent: str = Field(sa_column=words())
    """Whose scopes counted: the approval's requester."""
    agent_role: str = Field(sa_column=words())
    approval_id: UUID | None = Field(default=None, sa_column=reference("approval", null=True))
    execution_id: UUID | None = Field(default=None, sa_column=reference("execution", null=True))
    project: str = Field(sa_column=words())
    host: str = Field(sa_column=words())
    tool: str = Field(sa_column=words())
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    purpose: str = Field(sa_column=words())
    """Why the host was asked: plan, preflight, apply, inspect or observe."""
    decision: str = Field(sa_column=words())
    """allowed, refused or shadow; completed or failed for the end of an allowed call."""
    argv: list[list[str]] | None = Field(default=None, sa_column=document(null=True))
    """The argument lists that were or, in shadow mode, would have been run; None where nothing was to be run."""
    allowed: bool = Field(sa_column=Column(Boolean(), nullable=False))
    gate: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    """The gate that refused, 1 to 5."""
    gate_code: str | None = Field(default=None, sa_column=words(null=True))
    exit_code: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    duration_ms: int | None = Field(default=None, sa_column=Column(BigInteger(), nullable=True))
    error: str | None = Field(default=None, sa_column=words(null=True))
    at: datetime = Field(sa_column=moment(clock=True))
