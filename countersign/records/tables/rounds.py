"""What rounds of reconciliation came to, one row per part: as of the last round, and counted since the beginning."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, Integer, Text, text
from sqlmodel import Field

from countersign.records.tables.columns import Record, moment, words


def _count() -> Column[int]:
    return Column(Integer(), nullable=False)


def _total() -> Column[int]:
    return Column(BigInteger(), nullable=False, server_default=text("0"))


class ReconciliationPart(Record, table=True):
    """One part's latest look and its totals. Each round writes over the row, so the table does not grow."""

    __tablename__ = "reconciliation_part"
    __table_args__ = (CheckConstraint("found >= 0 AND failed BETWEEN 0 AND found", name="counts_range"),)

    part: str = Field(sa_column=Column(Text(), primary_key=True))
    looked_at: datetime = Field(sa_column=moment(clock=True))
    found: int = Field(sa_column=_count())
    failed: int = Field(sa_column=_count())
    """Of those found, what nothing could be done about."""
    oldest_seconds: float | None = Field(default=None, sa_column=Column(Double(), nullable=True))
    """For how long the oldest of those found had been so."""
    problem: str | None = Field(default=None, sa_column=words(null=True))
    """Why the part could not be looked at."""
    rounds_total: int = Field(default=0, sa_column=_total())
    found_total: int = Field(default=0, sa_column=_total())
    failed_total: int = Field(default=0, sa_column=_total())
    problems_total: int = Field(default=0, sa_column=_total())
