"""The step ledger: what has to happen after an execution, and the steps that have used up their attempts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, text
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT
from countersign.records.states import StepName, StepStatus
from countersign.records.tables.columns import (
    Record,
    check_length,
    check_one_of,
    document,
    identifier,
    moment,
    one_of,
    reference,
    word_list,
    words,
)


class LedgerStep(Record, table=True):
    """One step after an execution; made with the outcome, ended once."""

    __tablename__ = "ledger_step"
    __table_args__ = (
        check_one_of("status", StepStatus),
        check_length("error", ERROR_LIMIT),
        check_one_of("name", StepName),
        CheckConstraint("attempts >= 0 AND max_attempts >= 1", name="attempts_range"),
        CheckConstraint("(status IN ('done', 'skipped', 'dead')) = (ended_at IS NOT NULL)", name="ended_has_time"),
        CheckConstraint("status <> 'skipped' OR reason IS NOT NULL", name="skipped_has_reason"),
        Index("uq_ledger_step_execution_id_name", "execution_id", "name", unique=True),
        # Reconciliation: what is due, whose runner is silent.
        Index("ix_ledger_step_open_due_at", "due_at", postgresql_where=text("status IN ('pending', 'running')")),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID = Field(sa_column=reference("execution"))
    name: StepName = Field(sa_column=one_of(StepName))
    position: int = Field(sa_column=Column(Integer(), nullable=False))
    after: list[str] = Field(default_factory=list, sa_column=word_list())
    """Names of the steps that must have ended, in whatever way, before this one begins."""
    status: StepStatus = Field(default=StepStatus.PENDING, sa_column=one_of(StepStatus, default=StepStatus.PENDING))
    reason: str | None = Field(default=None, sa_column=words(null=True))
    fence: int = Field(default=0, sa_column=Column(BigInteger(), nullable=False))
    attempts: int = Field(default=0, sa_column=Column(Integer(), nullable=False))
    max_attempts: int = Field(default=5, sa_column=Column(Integer(), nullable=False))
    due_at: datetime = Field(sa_column=moment(clock=True))
    """Earliest time of the next attempt; while running, the end of the runner's lease."""
    runner: str | None = Field(default=None, sa_column=words(null=True))
    """Who runs it, or ran it last."""
    result: dict[str, Any] | None = Field(default=None, sa_column=document(null=True))
    error: str | None = Field(default=None, sa_column=words(null=True))
    """Of the last attempt that failed."""
    created_at: datetime = Field(sa_column=moment(clock=True))
    started_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """When the last attempt began."""
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class DeadLetter(Record, table=True):
    """A step that has used up its attempts; kept, shown and replayable."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        check_length("error", ERROR_LIMIT),
        CheckConstraint("replays >= 0", name="replays_not_negative"),
        Index("uq_dead_letter_step_id", "step_id", unique=True),
        Index("ix_dead_letter_open_next_at", "next_replay_at", postgresql_where=text("resolved_at IS NULL")),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    step_id: UUID = Field(sa_column=reference("ledger_step"))
    execution_id: UUID = Field(sa_column=reference("execution"))
    name: StepName = Field(sa_column=one_of(StepName))
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """What the step was to work on: approval, action, outcome, incident."""
    error: str = Field(sa_column=words())
    replays: int = Field(default=0, sa_column=Column(Integer(), nullable=False))
    next_replay_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """None once the limit of replays is reached: only a person replays it then."""
    created_at: datetime = Field(sa_column=moment(clock=True))
    resolved_at: datetime | None = Field(default=None, sa_column=moment(null=True))
