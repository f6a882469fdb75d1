"""What is counted since the beginning: rounds of reconciliation by part, as of the last one too, and resolutions."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, Integer, Text, text
from sqlmodel import Field

from countersign.records.states import ResolutionResult
from countersign.records.tables.columns import Record, check_one_of, moment, one_of, words


def _count() -> Column[int]:
    return Column(Integer(), nullable=False)


def _total() -> Column[int]:
    return Column(BigInteger(), nullable=False, server_default=text("0"))


class ResolutionTotal(Record, table=True):
    """How many times names were looked for, by what became of it, since the beginning."""

    __tablename__ = "resolution_total"
    __table_args__ = (check_one_of("result", ResolutionResult),)

    result: ResolutionResult = Field(sa_column=Column(one_of(ResolutionResult).type, primary_key=True))
    total: int = Field(default=0, sa_column=_total())
    last_at: datetime = Field(sa_column=moment(clock=True))


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
