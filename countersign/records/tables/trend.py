"""Trends: what executions came to, counted by hours and days."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from countersign.records.states import Grain
from countersign.records.tables.columns import Record, check_one_of, moment, one_of


class Trend(Record, table=True):
    """How many executions of an hour or a day (UTC) came to something; triggers count them."""

    __tablename__ = "trend"
    __table_args__ = (check_one_of("grain", Grain), CheckConstraint("total >= 0", name="total_not_negative"))

    grain: Grain = Field(sa_column=Column(one_of(Grain).type, primary_key=True))
    measure: str = Field(sa_column=Column(Text(), primary_key=True))
    """What is counted (countersign.records.trends)."""
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    name: str = Field(sa_column=Column(Text(), primary_key=True))
    total: int = Field(sa_column=Column(BigInteger(), nullable=False))


class TrendCounted(Record, table=True):
    """What an execution was counted as, so that what changes about it later is counted instead."""

    __tablename__ = "trend_counted"

    execution_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("execution.id"), primary_key=True))
    at: datetime = Field(sa_column=moment())
    """The beginning of its hour."""
    counted: Any = Field(sa_column=Column(JSONB(), nullable=False))
    """Lists of measure, name and total."""
