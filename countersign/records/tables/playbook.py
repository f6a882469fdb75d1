"""Playbooks with their versions and changes, and the observations that their trust is computed from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Integer, Text, Uuid, text
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.states import PlaybookChangeKind, PlaybookStatus, VersionOrigin
from countersign.records.tables.columns import (
    Record,
    check_one_of,
    document,
    identifier,
    moment,
    one_of,
    reference,
    sequence,
    words,
)


class Playbook(Record, table=True):
    """A reusable repair, with its current version. The same symptom with the same steps is one playbook."""

    __tablename__ = "playbook"
    __table_args__ = (
        check_one_of("status", PlaybookStatus),
        CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,118}[a-z0-9])?$'", name="name_form"),
        CheckConstraint("version >= 1", name="version_positive"),
        CheckConstraint("(people_only_since IS NULL) = (people_only_reason IS NULL)", name="people_only_has_reason"),
        Index("uq_playbook_symptom_steps", "symptom_hash", "steps_hash", unique=True),
        Index("uq_playbook_name", "name", unique=True),
        Index("ix_playbook_status_updated_at", "status", "updated_at"),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    name: str = Field(sa_column=words())
    """What people, files and approvals call it; the same wherever it is imported."""
    title: str = Field(sa_column=words())
    alert: str = Field(default="", sa_column=words(default=""))
    """The alertname that its symptom asks for exactly; empty where it asks for none."""
    symptom: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """Label matchers as texts, under the key "matchers"."""
    symptom_hash: str = Field(sa_column=words())
    steps: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """Parameterised steps in order, under the key "steps"; each has an "action"."""
    steps_hash: str = Field(sa_column=words())
    status: PlaybookStatus = Field(
        default=PlaybookStatus.DRAFT, sa_column=one_of(PlaybookStatus, default=PlaybookStatus.DRAFT)
    )
    version: int = Field(default=1, sa_column=Column(Integer(), nullable=False, server_default=text("1")))
    """The version that symptom and steps are of."""
    people_only_since: datetime | None = Field(default=None, sa_column=moment(null=True))
    """Since when it needs a person's approval although it is approved; None where it does not."""
    people_only_reason: str | None = Field(default=None, sa_column=words(null=True))
    restored_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """When a person gave it back to the auto-approver; runs before do not count against it again."""
    created_at: datetime = Field(sa_column=moment(clock=True))
    updated_at: datetime = Field(sa_column=moment(clock=True))


class PlaybookVersion(Record, table=True):
    """One wording of a playbook. Rows are never changed."""

    __tablename__ = "playbook_version"
    __table_args__ = (
        check_one_of("origin", VersionOrigin),
        CheckConstraint("version >= 1", name="version_positive"),
        # No twin, among all versions of all playbooks.
        Index("uq_playbook_version_symptom_steps", "symptom_hash", "steps_hash", unique=True),
        Index("ix_playbook_version_steps_hash", "steps_hash"),
        Index("ix_playbook_version_alert", "alert"),
    )

    playbook_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("playbook.id"), primary_key=True))
    version: int = Field(sa_column=Column(Integer(), primary_key=True, autoincrement=False))
    alert: str = Field(default="", sa_column=words(default=""))
    symptom: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    symptom_hash: str = Field(sa_column=words())
    steps: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    steps_hash: str = Field(sa_column=words())
    origin: VersionOrigin = Field(sa_column=one_of(VersionOrigin))
    execution_id: UUID | None = Field(default=None, sa_column=reference("execution", null=True))
    """The execution that it was extracted from; None where it was imported."""
    created_at: datetime = Field(sa_column=moment(clock=True))


class PlaybookChange(Record, table=True):
    """Who changed what about a playbook, and why. Rows are never changed."""

    __tablename__ = "playbook_change"
    __table_args__ = (
        check_one_of("what", PlaybookChangeKind),
        Index("ix_playbook_change_playbook_id_seq", "playbook_id", "seq"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    playbook_id: UUID = Field(sa_column=reference("playbook"))
    what: PlaybookChangeKind = Field(sa_column=one_of(PlaybookChangeKind))
    by: str = Field(sa_column=words())
    reason: str = Field(default="", sa_column=words(default=""))
    at: datetime = Field(sa_column=moment(clock=True))


class TrustObservation(Record, table=True):
    """What one execution showed about one subject. A trigger lets only a heavier observation replace it."""

    __tablename__ = "trust_observation"
    __table_args__ = (
        CheckConstraint("effect BETWEEN 0 AND 1", name="effect_range"),
        CheckConstraint("weight > 0 AND weight <= 10", name="weight_range"),
        Index("ix_trust_observation_subject_at", "subject", "at"),
    )

    execution_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("execution.id"), primary_key=True))
    subject: str = Field(sa_column=Column(Text(), primary_key=True))
    """A playbook or a kind of repair (countersign.aftermath.learning.subjects)."""
    effect: float = Field(sa_column=Column(Double(), nullable=False))
    """1 is effective, 0 is not."""
    weight: float = Field(sa_column=Column(Double(), nullable=False))
    basis: str = Field(sa_column=words())
    """What it was read from, e.g. "verdict effective"."""
    at: datetime = Field(sa_column=moment())
    """When the execution was settled."""


class TrustHalfLife(Record, table=True):
    """A half-life by which observations are counted; trust_count_by adds one."""

    __tablename__ = "trust_half_life"
    __table_args__ = (CheckConstraint("seconds > 0", name="seconds_positive"),)

    seconds: float = Field(sa_column=Column(Double(), primary_key=True, autoincrement=False))
    since: datetime = Field(sa_column=moment(clock=True))


class TrustTally(Record, table=True):
    """What a subject's observations of one half-life weighed at its beginning, in 2^-32; a trigger counts them."""

    __tablename__ = "trust_tally"
    __table_args__ = (
        CheckConstraint("effective BETWEEN 0 AND weight", name="effective_range"),
        CheckConstraint("runs >= 0", name="runs_not_negative"),
    )

    half_life_seconds: float = Field(sa_column=Column(Double(), primary_key=True, autoincrement=False))
    subject: str = Field(sa_column=Column(Text(), primary_key=True))
    period: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    """Half-lives from 1970 to the beginning of this one."""
    effective: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """Of `weight`, what was effective."""
    weight: int = Field(sa_column=Column(BigInteger(), nullable=False))
    runs: int = Field(sa_column=Column(BigInteger(), nullable=False))
    last_at: datetime = Field(sa_column=moment())
    """The latest observation's time."""
