"""Executions, their journal and the targets they hold."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKeyConstraint, Index, Integer, text
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT, STDERR_LIMIT
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.states import Answer, EntryKind
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


class Execution(Record, table=True):
    """One run of one approval. Triggers keep the fence rising and a settled row as it is."""

    __tablename__ = "execution"
    __table_args__ = (
        check_one_of("outcome", Outcome),
        check_length("error", ERROR_LIMIT),
        check_length("stderr", STDERR_LIMIT),
        CheckConstraint("fence >= 1", name="fence_positive"),
        CheckConstraint("(outcome IS NULL) = (settled_at IS NULL)", name="settled_has_outcome"),
        CheckConstraint("outcome IS DISTINCT FROM 'dry_run' OR dry_run", name="dry_run_outcome"),
        CheckConstraint(
            "outcome IS DISTINCT FROM 'postponed' OR (NOT dry_run AND rolls_back IS NULL)",
            name="postponed_is_approved",
        ),
        CheckConstraint("(plan IS NULL) = (plan_hash IS NULL)", name="plan_has_hash"),
        CheckConstraint("policy_number IS NULL OR policy_hash IS NOT NULL", name="policy_has_hash"),
        ForeignKeyConstraint(
            ["policy_number", "policy_hash"],
            ["policy_version.number", "policy_version.hash"],
            name="fk_execution_policy",
        ),
        # At most one execution per approval can have an effect.
        Index(
            "uq_execution_effective",
            "approval_id",
            unique=True,
            postgresql_where=text("NOT dry_run AND rolls_back IS NULL AND outcome IS DISTINCT FROM 'postponed'"),
        ),
        # It is taken back at most once.
        Index("uq_execution_rolls_back", "rolls_back", unique=True, postgresql_where=text("rolls_back IS NOT NULL")),
        Index("ix_execution_approval_id_started_at", "approval_id", "started_at"),
        # Reconciliation: unsettled executions by lease; settled ones, newest first.
        Index("ix_execution_unsettled_lease_until", "lease_until", postgresql_where=text("settled_at IS NULL")),
        Index("ix_execution_settled_at", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
        # Those of which more may come to light.
        Index(
            "ix_execution_look_again_until", "look_again_until", postgresql_where=text("look_again_until IS NOT NULL")
        ),
        # Those that a person has to find out, the oldest first.
        Index("ix_execution_unknown_settled_at", "settled_at", postgresql_where=text("outcome = 'unknown'")),
        # Those that a person may want to file again.
        Index(
            "ix_execution_blocked_settled_at",
            "settled_at",
            postgresql_where=text("outcome = 'blocked' AND NOT dry_run AND rolls_back IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    approval_id: UUID = Field(sa_column=reference("approval"))
    dry_run: bool = Field(default=False, sa_column=Column(Boolean(), nullable=False))
    rolls_back: UUID | None = Field(default=None, sa_column=reference("execution", null=True))
    """The execution that this one takes back; None for one that was approved."""
    fence: int = Field(default=1, sa_column=Column(BigInteger(), nullable=False))
    """Rises with every owner; a write with an older fence is refused."""
    worker: str = Field(sa_column=words())
    flow_run_id: str | None = Field(default=None, sa_column=words(null=True))
    lease_until: datetime = Field(sa_column=moment())
    started_at: datetime = Field(sa_column=moment(clock=True))
    plan: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    plan_hash: str | None = Field(default=None, sa_column=words(null=True))
    plan_mac: str | None = Field(default=None, sa_column=words(null=True))
    """The plan's seal, with a key that is not in the database."""
    outcome: Outcome | None = Field(default=None, sa_column=one_of(Outcome, null=True))
    settled_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    error: str | None = Field(default=None, sa_column=words(null=True))
    stderr: str | None = Field(default=None, sa_column=words(null=True))
    report: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    look_again_until: datetime | None = Field(default=None, sa_column=moment(null=True))
    """Until when a request may still take effect although the outcome says that it did not; None: it cannot."""
    policy_number: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    """The version of the policy that it was decided by; None where the policy was a mounted file."""
    policy_hash: str | None = Field(default=None, sa_column=words(null=True))

    @property
    def owned(self) -> Owned:
        """The right to write that this row's owner has."""
        return Owned(self.id, self.fence)


class JournalEntry(Record, table=True):
    """What an execution meant to send, and what became of it. Append-only."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        check_one_of("kind", EntryKind),
        check_one_of("answer", Answer),
        CheckConstraint("(kind = 'answer') = (answer IS NOT NULL)", name="answer_given"),
        CheckConstraint("attempt >= 1", name="attempt_positive"),
        Index("ix_journal_entry_execution_id_seq", "execution_id", "seq"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    execution_id: UUID = Field(sa_column=reference("execution"))
    fence: int = Field(sa_column=Column(BigInteger(), nullable=False))
    kind: EntryKind = Field(sa_column=one_of(EntryKind))
    step: str = Field(sa_column=words())
    attempt: int = Field(sa_column=Column(Integer(), nullable=False))
    answer: Answer | None = Field(default=None, sa_column=one_of(Answer, null=True))
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    mac: str | None = Field(default=None, sa_column=words(null=True))
    """The entry's seal, with a key that is not in the database."""
    at: datetime = Field(sa_column=moment(clock=True))


class TargetHold(Record, table=True):
    """An execution's exclusive right to a target, from resolution to settling."""

    __tablename__ = "target_hold"
    __table_args__ = (
        Index("uq_target_hold_active", "target_key", unique=True, postgresql_where=text("released_at IS NULL")),
        Index("ix_target_hold_active_execution_id", "execution_id", postgresql_where=text("released_at IS NULL")),
        # Rate limits: executions per target and hour.
        Index("ix_target_hold_target_key_acquired_at", "target_key", "acquired_at"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    execution_id: UUID = Field(sa_column=reference("execution"))
    target_key: str = Field(sa_column=words())
    acquired_at: datetime = Field(sa_column=moment(clock=True))
    released_at: datetime | None = Field(default=None, sa_column=moment(null=True))
