"""Evidence: what executions showed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from countersign.records.database.identifiers import new_id
from countersign.records.states import EvidencePhase, Verdict
from countersign.records.tables.columns import (
    Record,
    check_one_of,
    document,
    identifier,
    moment,
    one_of,
    reference,
    words,
)


class EvidenceSnapshot(Record, table=True):
    """Observed state of the target before or after an execution, with the verification's verdict."""

    __tablename__ = "evidence_snapshot"
    __table_args__ = (
        check_one_of("phase", EvidencePhase),
        check_one_of("verdict", Verdict),
        # One of each phase: a step that runs again replaces what it saw.
        Index("uq_evidence_snapshot_execution_id_phase", "execution_id", "phase", unique=True),
        Index("ix_evidence_snapshot_incident_id_taken_at", "incident_id", "taken_at"),
        Index(
            "ix_evidence_snapshot_worse_taken_at",
            "taken_at",
            postgresql_where=text("verdict = 'worse' AND phase = 'after'"),
        ),
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
