"""Incidents, how anomalies were disposed of, and the repairs that nobody was asked about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, Text, Uuid, text
from sqlmodel import Column, Field

from countersign.records.outcomes import Outcome
from countersign.records.states import DispositionKind, IncidentStatus, RepairStatus
from countersign.records.tables.columns import (
    Record,
    check_one_of,
    document,
    moment,
    one_of,
    word_list,
    words,
)

UNRESOLVED = "status IN ('open', 'investigating', 'mitigating')"


class Incident(Record, table=True):
    """What an action is meant to fix; the durable copy. A trigger raises the version with every change."""

    __tablename__ = "incident"
    __table_args__ = (
        check_one_of("status", IncidentStatus),
        CheckConstraint("effectiveness_score BETWEEN 1 AND 5", name="effectiveness_score_range"),
        CheckConstraint("(status IN ('resolved', 'closed')) = (resolved_at IS NOT NULL)", name="resolved_has_time"),
        CheckConstraint("version >= 1", name="version_positive"),
        Index("ix_incident_unresolved_updated_at", "updated_at", postgresql_where=text(UNRESOLVED)),
        Index("ix_incident_created_at", "created_at"),
        Index("ix_incident_group_key_created_at", "group_key", "created_at"),
        # Alerts without a group are found by their fingerprints.
        Index(
            "ix_incident_alert_keys",
            text("jsonb_path_query_array(alerts, '$.keyvalue().key')"),
            postgresql_using="gin",
            postgresql_where=text("starts_with(group_key, 'labels:')"),
        ),
        # A group of alerts has one incident at a time.
        Index("uq_incident_unresolved_group_key", "group_key", unique=True, postgresql_where=text(UNRESOLVED)),
    )

    id: str = Field(sa_column=Column(words().type, primary_key=True))
    group_key: str | None = Field(default=None, sa_column=words(null=True))
    """Of the group of alerts that opened it; None where somebody named the incident."""
    title: str = Field(default="", sa_column=words(default=""))
    signals: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """Labels that the alerts have in common, with alertname."""
    alerts: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """The alerts by fingerprint: status, labels, annotations, starts_at, ends_at."""
    unlisted_alerts: int = Field(default=0, sa_column=Column(Integer(), nullable=False, server_default=text("0")))
    """Alerts of the last notification that it did not list, or that were beyond what is looked at."""
    alert_category: str = Field(default="", sa_column=words(default=""))
    affected_services: list[str] = Field(default_factory=list, sa_column=word_list())
    status: IncidentStatus = Field(
        default=IncidentStatus.OPEN, sa_column=one_of(IncidentStatus, default=IncidentStatus.OPEN)
    )
    execution_success: bool | None = Field(default=None, sa_column=Column(Boolean(), nullable=True))
    effectiveness_score: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    learning_notes: str | None = Field(default=None, sa_column=words(null=True))
    closing_note: str | None = Field(default=None, sa_column=words(null=True))
    """Why it counts as resolved."""
    version: int = Field(default=1, sa_column=Column(BigInteger(), nullable=False, server_default=text("1")))
    created_at: datetime = Field(sa_column=moment(clock=True))
    updated_at: datetime = Field(sa_column=moment(clock=True))
    reopened_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """When its alerts fired again after it had been resolved; what was executed before has not fixed it."""
    resolved_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class Disposition(Record, table=True):
    """Who let an execution happen, for one anomaly; what the counters are made of."""

    __tablename__ = "disposition"
    __table_args__ = (
        check_one_of("kind", DispositionKind),
        check_one_of("outcome", Outcome),
        Index("ix_disposition_anomaly_key_kind_outcome", "anomaly_key", "kind", "outcome"),
    )

    execution_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("execution.id"), primary_key=True))
    anomaly_key: str = Field(sa_column=words())
    kind: DispositionKind = Field(sa_column=one_of(DispositionKind))
    outcome: Outcome = Field(sa_column=one_of(Outcome))
    at: datetime = Field(sa_column=moment(clock=True))


class DispositionTally(Record, table=True):
    """How many dispositions of a kind and outcome an anomaly has; a trigger counts them."""

    __tablename__ = "disposition_tally"
    __table_args__ = (CheckConstraint("total > 0", name="total_positive"),)

    anomaly_key: str = Field(sa_column=Column(Text(), primary_key=True))
    kind: DispositionKind = Field(sa_column=Column(one_of(DispositionKind).type, primary_key=True))
    outcome: Outcome = Field(sa_column=Column(one_of(Outcome).type, primary_key=True))
    total: int = Field(sa_column=Column(BigInteger(), nullable=False))


class AutoRepair(Record, table=True):
    """An execution that was approved by itself: expected once it has run, on record once its incident is known."""

    __tablename__ = "auto_repair"
    __table_args__ = (
        check_one_of("status", RepairStatus),
        CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("status <> 'skipped' OR reason IS NOT NULL", name="skipped_has_reason"),
        CheckConstraint("status <> 'recorded' OR incident_id IS NOT NULL", name="recorded_has_incident"),
        # The same playbook, trigger and step is on an incident's record once; without a playbook, each approval is.
        Index(
            "uq_auto_repair_recorded",
            "incident_id",
            "playbook",
            "trigger",
            "step",
            unique=True,
            postgresql_where=text("status = 'recorded' AND playbook <> ''"),
        ),
        Index("ix_auto_repair_incident_id", "incident_id"),
        # Reconciliation: those whose incident is named.
        Index(
            "ix_auto_repair_pending_due_at",
            "due_at",
            postgresql_where=text("status = 'pending' AND incident_id IS NOT NULL"),
        ),
    )

    execution_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("execution.id"), primary_key=True))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    """No foreign key: the incident may not be written yet."""
    playbook: str = Field(default="", sa_column=words(default=""))
    """The matched playbook's id; empty where none was."""
    trigger: str = Field(default="", sa_column=words(default=""))
    """Who approved it by itself, the approval's requester."""
    step: str = Field(default="", sa_column=words(default=""))
    """The action, or the SHA-256 of a long one."""
    status: RepairStatus = Field(
        default=RepairStatus.PENDING, sa_column=one_of(RepairStatus, default=RepairStatus.PENDING)
    )
    reason: str | None = Field(default=None, sa_column=words(null=True))
    created_at: datetime = Field(sa_column=moment(clock=True))
    due_at: datetime = Field(sa_column=moment(clock=True))
    """When reconciliation looks for the incident next."""
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))
