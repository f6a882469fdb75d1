"""Approvals and the signatures under them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Computed, Index, Integer, SmallInteger, func, text
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.states import ApprovalStatus, Decision, RiskLevel, Start, WhenBlocked
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
    words,
)


class Approval(Record, table=True):
    """One request to perform one action."""

    __tablename__ = "approval"
    __table_args__ = (
        check_one_of("status", ApprovalStatus),
        check_one_of("risk_level", RiskLevel),
        check_one_of("start", Start),
        check_one_of("when_blocked", WhenBlocked),
        CheckConstraint("tries >= 0", name="tries_positive"),
        CheckConstraint("(waiting_until IS NULL) = (waiting_reason IS NULL)", name="waiting_has_reason"),
        check_length("action", 20_000),
        CheckConstraint("required_signatures BETWEEN 1 AND 20", name="required_signatures_range"),
        CheckConstraint("not_before < expires_at", name="starts_before_it_expires"),
        CheckConstraint("incident_linked_by IS NULL OR incident_id IS NOT NULL", name="linked_has_incident"),
        # Lists, newest first, with and without a status.
        Index("ix_approval_created_at_id", text("created_at DESC"), text("id DESC")),
        Index("ix_approval_status_created_at_id", "status", text("created_at DESC"), text("id DESC")),
        Index("uq_approval_idempotency_key", "idempotency_key", unique=True),
        Index("ix_approval_incident_id", "incident_id", postgresql_where=text("incident_id IS NOT NULL")),
        # Reconciliation: what has expired, what was never started. Both hold open approvals alone.
        Index(
            "ix_approval_open_expires_at",
            "expires_at",
            postgresql_where=text("status IN ('pending', 'approved') AND expires_at IS NOT NULL"),
        ),
        # Similar requests: the same operation on the same target, then on the same kind of target.
        *(
            Index(
                f"ix_approval_{name}_operation",
                text(expression),
                text("coalesce(parameters ->> 'operation', target ->> 'tool')"),
                text("created_at DESC"),
                postgresql_where=text("target IS NOT NULL"),
            )
            for name, expression in (("target", "md5(target::text)"), ("kind", "(target ->> 'kind')"))
        ),
        Index("ix_approval_end_of_id", text("right(id::text, 8)")),
        Index("ix_approval_waiting_updated_at", "updated_at", postgresql_where=text("status = 'approved'")),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    action: str = Field(sa_column=words())
    description: str = Field(default="", sa_column=words(default=""))
    risk_level: RiskLevel = Field(sa_column=one_of(RiskLevel))
    requested_by: str = Field(sa_column=words())
    required_signatures: int = Field(default=1, sa_column=Column(Integer(), nullable=False))
    blast_radius: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    incident_linked_by: str | None = Field(default=None, sa_column=words(null=True))
    """Who found out after filing which incident it belongs to; None where it was filed with it, and so is signed."""
    """No foreign key: fast paths are approved before the incident is written."""
    matched_playbook_id: str | None = Field(default=None, sa_column=words(null=True))
    expires_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    not_before: datetime | None = Field(default=None, sa_column=moment(null=True))
    """Nobody starts it before; None is no limit."""
    start: Start = Field(default=Start.WHEN_APPROVED, sa_column=one_of(Start, default=Start.WHEN_APPROVED))
    when_blocked: WhenBlocked = Field(default=WhenBlocked.END, sa_column=one_of(WhenBlocked, default=WhenBlocked.END))
    tries: int = Field(default=0, sa_column=Column(Integer(), nullable=False, server_default=text("0")))
    """How many runs of it were put off."""
    waiting_until: datetime | None = Field(default=None, sa_column=moment(null=True))
    """When it is tried again, after a run that was put off; None where none was, or one is under way."""
    waiting_reason: str | None = Field(default=None, sa_column=words(null=True))
    details: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """The request's `metadata` (a name that SQLAlchemy keeps for itself)."""
    target: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    parameters: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    idempotency_key: str | None = Field(default=None, sa_column=words(null=True))
    status: ApprovalStatus = Field(
        default=ApprovalStatus.PENDING, sa_column=one_of(ApprovalStatus, default=ApprovalStatus.PENDING)
    )
    rejection_reason: str | None = Field(default=None, sa_column=words(null=True))
    auto_approved: bool | None = Field(
        default=None,
        sa_column=Column(
            "auto_approved",
            Boolean(),
            Computed("starts_with(lower(requested_by), 'auto_approve')", persisted=True),
            nullable=True,
        ),
    )
    """Set by the database from `requested_by`."""
    created_at: datetime = Field(sa_column=moment())
    updated_at: datetime = Field(sa_column=moment(clock=True))
    """When the status changed last."""


class Signature(Record, table=True):
    """One signer's decision. Rows are never changed."""

    __tablename__ = "signature"
    __table_args__ = (
        check_one_of("decision", Decision),
        # One decision per person and form, however the name is capitalised.
        Index("uq_signature_approval_id_signer", "approval_id", func.lower(text("signer")), "form", unique=True),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    approval_id: UUID = Field(sa_column=reference("approval"))
    signer: str = Field(sa_column=words())
    decision: Decision = Field(sa_column=one_of(Decision))
    comment: str = Field(default="", sa_column=words(default=""))
    algorithm: str = Field(sa_column=words())
    key_id: str = Field(sa_column=words())
    value: str = Field(sa_column=words())
    form: int = Field(sa_column=Column(SmallInteger(), nullable=False))
    """Number of the form that was signed (countersign.policy.signatures.FORM); earlier ones do not count."""
    created_at: datetime = Field(sa_column=moment())
