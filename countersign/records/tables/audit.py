"""The audit: what was decided, meant, done and refused, chained and sealed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlmodel import Column, Field

from countersign.records.tables.columns import Record, moment, sequence, words


def _digest() -> Column[Any]:
    return Column(LargeBinary(), nullable=False)


class AuditEvent(Record, table=True):
    """One thing that happened. Made by the database's function `audit_append` alone; append-only."""

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("chain", "position", name="uq_audit_event_chain_position"),
        CheckConstraint("event ~ '^[a-z_]+:[a-z_]+:[a-z_]+$'", name="form"),
        CheckConstraint("chain <> ''", name="chain_named"),
        CheckConstraint("position >= 1", name="position_positive"),
        CheckConstraint("octet_length(hash) = 32 AND octet_length(previous) = 32", name="hash_length"),
        Index("ix_audit_event_about", "about", postgresql_where=text("about <> ''")),
    )

    id: int | None = Field(default=None, sa_column=sequence())
    chain: str = Field(sa_column=words())
    """An approval's id, or the subject of what is about no approval ("policy", "control")."""
    position: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """In its chain, from 1."""
    event: str = Field(sa_column=words())
    """source:subject:action, a value of countersign.records.audit_events.Event."""
    actor: str = Field(sa_column=words())
    about: str = Field(default="", sa_column=words(default=""))
    """The record that it tells of, "journal_entry:12"; empty where there is none."""
    details: dict[str, Any] = Field(sa_column=Column(JSON(), nullable=False))
    """As text what was hashed: json keeps it as it was written, jsonb would not."""
    at: datetime = Field(sa_column=moment())
    previous: bytes = Field(sa_column=_digest())
    """The hash of the row before it in its chain; 32 zero bytes for the first."""
    hash: bytes = Field(sa_column=_digest())


class AuditLeaf(Record, table=True):
    """A row's place in the tree, given by the sealer. Append-only."""

    __tablename__ = "audit_leaf"
    __table_args__ = (
        UniqueConstraint("event_id", name="uq_audit_leaf_event_id"),
        CheckConstraint("leaf_index >= 0", name="index_not_negative"),
    )

    leaf_index: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    event_id: int = Field(sa_column=Column(BigInteger(), nullable=False))
    hash: bytes = Field(sa_column=_digest())


class AuditTile(Record, table=True):
    """The root of a complete subtree of 256^level leaves. Append-only."""

    __tablename__ = "audit_tile"
    __table_args__ = (CheckConstraint("level >= 1", name="level_positive"),)

    level: int = Field(sa_column=Column(Integer(), primary_key=True, autoincrement=False))
    tile_index: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    hash: bytes = Field(sa_column=_digest())


class AuditCheckpoint(Record, table=True):
    """A signed head of the tree (C2SP tlog-checkpoint). Append-only."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = (CheckConstraint("size >= 1", name="size_positive"),)

    size: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    root: bytes = Field(sa_column=_digest())
    note: str = Field(sa_column=words())
    settled: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """No transaction that may still commit can have an event up to this id."""
    at: datetime = Field(sa_column=moment(clock=True))
