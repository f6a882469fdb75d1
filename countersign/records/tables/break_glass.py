"""Limits that two people lifted for some minutes: who, where, for how long, what came of it, and who was told.

The MACs' key is not in the database: whoever writes to it opens nothing, and keeps nothing open.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, PrimaryKeyConstraint, text
from sqlmodel import Field

from countersign.records.states import BreakGlassNews, RiskLevel
from countersign.records.tables.columns import (
    Record,
    check_length,
    check_one_of,
    identifier,
    moment,
    one_of,
    reference,
    sequence,
    word_list,
    words,
)

BREAK_GLASS_REASON_LIMIT = 500
LONGEST_MINUTES = 60


class BreakGlass(Record, table=True):
    """One time that limits were to be lifted. It is begun, confirmed by somebody else or not, and ended."""

    __tablename__ = "break_glass"
    __table_args__ = (
        check_one_of("up_to", RiskLevel),
        check_length("reason", BREAK_GLASS_REASON_LIMIT),
        CheckConstraint(f"minutes BETWEEN 1 AND {LONGEST_MINUTES}", name="minutes_few"),
        CheckConstraint("cardinality(lifts) > 0", name="lifts_something"),
        CheckConstraint("mac ~ '^[0-9a-f]{64}$'", name="mac_form"),
        CheckConstraint("confirmed_mac ~ '^[0-9a-f]{64}$'", name="confirmed_mac_form"),
        CheckConstraint("confirmed_key <> begun_key", name="two_people"),
        CheckConstraint(
            "num_nulls(confirmed_by, confirmed_key, confirmed_groups, confirmed_at, ends_at, confirmed_mac)"
            " IN (0, 6)",
            name="confirmed_whole",
        ),
        CheckConstraint("confirmed_at <= confirm_until", name="confirmed_in_time"),
        CheckConstraint("ends_at <= confirmed_at + make_interval(mins => minutes)", name="ends_in_time"),
        CheckConstraint("num_nulls(ended_at, ended_by, end_reason) IN (0, 3)", name="ended_whole"),
        Index("ix_break_glass_not_ended", "begun_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: UUID = Field(sa_column=identifier())
    cluster: str = Field(sa_column=words())
    """Its name, or "hosts"."""
    namespace: str | None = Field(default=None, sa_column=words(null=True))
    """NULL is all of the cluster."""
    operation: str | None = Field(default=None, sa_column=words(null=True))
    """NULL is every one that the policy allows."""
    up_to: RiskLevel = Field(sa_column=one_of(RiskLevel))
    lifts: list[str] = Field(sa_column=word_list())
    minutes: int = Field(sa_column=Column(Integer(), nullable=False))
    reason: str = Field(sa_column=words())
    begun_by: str = Field(sa_column=words())
    begun_key: str = Field(sa_column=words())
    """The form in which names that look alike are equal (countersign.policy.names.identity)."""
    begun_groups: list[str] = Field(sa_column=word_list())
    begun_shown_by: str | None = Field(default=None, sa_column=words(null=True))
    """Who made the token or the link by which they were let in; NULL where they showed who they are themselves."""
    begun_at: datetime = Field(sa_column=moment())
    confirm_until: datetime = Field(sa_column=moment())
    mac: str = Field(sa_column=words())
    confirmed_by: str | None = Field(default=None, sa_column=words(null=True))
    confirmed_key: str | None = Field(default=None, sa_column=words(null=True))
    confirmed_groups: list[str] | None = Field(default=None, sa_column=word_list(null=True))
    confirmed_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    ends_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    confirmed_mac: str | None = Field(default=None, sa_column=words(null=True))
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    ended_by: str | None = Field(default=None, sa_column=words(null=True))
    end_reason: str | None = Field(default=None, sa_column=words(null=True))


class BreakGlassUse(Record, table=True):
    """One limit that an execution got past by it. Append-only."""

    __tablename__ = "break_glass_use"
    __table_args__ = (
        Index("uq_break_glass_use_once", "break_glass_id", "execution_id", "lift", unique=True),
        Index("ix_break_glass_use_execution_id", "execution_id"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    break_glass_id: UUID = Field(sa_column=reference("break_glass"))
    approval_id: UUID = Field(sa_column=reference("approval"))
    execution_id: UUID = Field(sa_column=reference("execution"))
    lift: str = Field(sa_column=words())
    said: str = Field(sa_column=words())
    """The limit, and who lifted it."""
    at: datetime = Field(sa_column=moment(clock=True))


class BreakGlassNotice(Record, table=True):
    """What every channel is to be told of it, until all were."""

    __tablename__ = "break_glass_notice"
    __table_args__ = (
        check_one_of("news", BreakGlassNews),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        PrimaryKeyConstraint("break_glass_id", "news", name="pk_break_glass_notice"),
        Index("ix_break_glass_notice_open", "next_try_at", postgresql_where=text("done_at IS NULL")),
    )

    break_glass_id: UUID = Field(sa_column=reference("break_glass"))
    news: BreakGlassNews = Field(sa_column=one_of(BreakGlassNews))
    at: datetime = Field(sa_column=moment(clock=True))
    told: list[str] = Field(default_factory=list, sa_column=word_list())
    """The channels that were."""
    attempts: int = Field(default=0, sa_column=Column(Integer(), nullable=False, server_default=text("0")))
    next_try_at: datetime = Field(sa_column=moment(clock=True))
    error: str = Field(default="", sa_column=words(default=""))
    done_at: datetime | None = Field(default=None, sa_column=moment(null=True))
