"""Incidents, evidence, playbooks and knowledge: what executions are for and what is learnt from them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Double, Index, Integer, text
from sqlmodel import Column, Field

from countersign.records.identifiers import new_id
from countersign.records.states import EvidencePhase, IncidentStatus, PlaybookStatus, Verdict
from countersign.records.tables.columns import (
    Record,
    check_one_of,
    document,
    identifier,
    moment,
    one_of,
    reference,
    word_list,
    words,
)


class Incident(Record, table=True):
    """What an action is meant to fix; the durable copy."""

    __tablename__ = "incident"
    __table_args__ = (
        check_one_of("status", IncidentStatus),
        CheckConstraint("effectiveness_score BETWEEN 1 AND 5", name="effectiveness_score_range"),
        CheckConstraint("(status IN ('resolved', 'closed')) = (resolved_at IS NOT NULL)", name="resolved_has_time"),
        Index(
            "ix_incident_unresolved_updated_at",
            "updated_at",
            postgresql_where=text("status IN ('open', 'investigating', 'mitigating')"),
        ),
        Index("ix_incident_created_at", "created_at"),
    )

    id: str = Field(sa_column=Column(words().type, primary_key=True))
    title: str = Field(default="", sa_column=words(default=""))
    signals: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """Labels of the alerts, with alertname."""
    alert_category: str = Field(default="", sa_column=words(default=""))
    affected_services: list[str] = Field(default_factory=list, sa_column=word_list())
    status: IncidentStatus = Field(
        default=IncidentStatus.OPEN, sa_column=one_of(IncidentStatus, default=IncidentStatus.OPEN)
    )
    execution_success: bool | None = Field(default=None, sa_column=Column(Boolean(), nullable=True))
    effectiveness_score: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    learning_notes: str | None = Field(default=None, sa_column=words(null=True))
    created_at: datetime = Field(sa_column=moment(clock=True))
    updated_at: datetime = Field(sa_column=moment(clock=True))
    resolved_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class EvidenceSnapshot(Record, table=True):
    """Observed state of the target before or after an execution, with the verification's verdict."""

    __tablename__ = "evidence_snapshot"
    __table_args__ = (
        check_one_of("phase", EvidencePhase),
        check_one_of("verdict", Verdict),
        # One of each phase: a step that runs again replaces what it saw.
        Index("uq_evidence_snapshot_execution_id_phase", "execution_id", "phase", unique=True),
        Index("ix_evidence_snapshot_incident_id_taken_at", "incident_id", "taken_at"),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID = Field(sa_column=reference("execution"))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    phase: EvidencePhase = Field(sa_column=one_of(EvidencePhase))
    objects: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """By target key (ObjectRef.key)."""
    verdict: Verdict | None = Field(default=None, sa_column=one_of(Verdict, null=True))
    verification: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    taken_at: datetime = Field(sa_column=moment(clock=True))


class Playbook(Record, table=True):
    """A reusable repair. The same symptom with the same steps is one playbook."""

    __tablename__ = "playbook"
    __table_args__ = (
        check_one_of("status", PlaybookStatus),
        CheckConstraint("trust_alpha > 0 AND trust_beta > 0", name="trust_positive"),
        CheckConstraint("successes >= 0 AND failures >= 0", name="statistics_not_negative"),
        Index("uq_playbook_symptom_steps", "symptom_hash", "steps_hash", unique=True),
        Index("ix_playbook_status_updated_at", "status", "updated_at"),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    title: str = Field(sa_column=words())
    symptom: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    symptom_hash: str = Field(sa_column=words())
    steps: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """Parameterised steps in order, under the key "steps"."""
    steps_hash: str = Field(sa_column=words())
    status: PlaybookStatus = Field(
        default=PlaybookStatus.DRAFT, sa_column=one_of(PlaybookStatus, default=PlaybookStatus.DRAFT)
    )
    trust_alpha: float = Field(default=1.0, sa_column=Column(Double(), nullable=False))
    trust_beta: float = Field(default=1.0, sa_column=Column(Double(), nullable=False))
    """Beta posterior of "a run of this playbook is effective"."""
    successes: int = Field(default=0, sa_column=Column(Integer(), nullable=False))
    failures: int = Field(default=0, sa_column=Column(Integer(), nullable=False))
    created_at: datetime = Field(sa_column=moment(clock=True))
    updated_at: datetime = Field(sa_column=moment(clock=True))


class KnowledgeEntry(Record, table=True):
    """A searchable markdown case; one per execution that made one."""

    __tablename__ = "knowledge_entry"
    __table_args__ = (
        Index("uq_knowledge_entry_execution_id", "execution_id", unique=True),
        Index("ix_knowledge_entry_incident_id", "incident_id"),
        Index("ix_knowledge_entry_created_at", "created_at"),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID | None = Field(default=None, sa_column=reference("execution", null=True))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    title: str = Field(sa_column=words())
    body: str = Field(sa_column=words())
    """Markdown."""
    tags: list[str] = Field(default_factory=list, sa_column=word_list())
    path_type: str = Field(sa_column=words())
    """approval_auto_ok, approval_auto_fail or approval_manual."""
    created_at: datetime = Field(sa_column=moment(clock=True))
