"""Files that hold what has left the tables."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, Integer, UniqueConstraint
from sqlmodel import Column, Field

from countersign.records.tables.columns import Record, document, moment, sequence, words


class ArchiveFile(Record, table=True):
    """One file of a closed month. The row stays, however old the file is; the audit tells of it."""

    __tablename__ = "archive_file"
    __table_args__ = (
        UniqueConstraint("name", name="uq_archive_file_name"),
        CheckConstraint(r"name ~ '^countersign-\d{4}-\d{2}-\d+\.jsonl\.gz$'", name="name_form"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_form"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first"),
        CheckConstraint("bytes > 0 AND approvals >= 0", name="counts_range"),
    )

    id: int | None = Field(default=None, sa_column=sequence())
    name: str = Field(sa_column=words())
    month: date = Field(sa_column=Column(Date(), nullable=False))
    """Its first day, UTC."""
    sha256: str = Field(sa_column=words())
    """Of the file as it lies there, compressed."""
    bytes: int = Field(sa_column=Column(BigInteger(), nullable=False))
    approvals: int = Field(sa_column=Column(Integer(), nullable=False))
    rows: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    """How many by table."""
    written_by: str = Field(sa_column=words())
    written_at: datetime = Field(sa_column=moment(clock=True))
    emptied_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """When the tables had none of its rows any more."""
