"""Messages about executions: one row per execution and channel, so that each channel is told once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT
from countersign.records.states import DeliveryStatus
from countersign.records.tables.columns import (
    Record,
    check_length,
    check_one_of,
    identifier,
    moment,
    one_of,
    reference,
    words,
)


class Delivery(Record, table=True):
    """One channel's message about one execution. The row is made before it is sent."""

    __tablename__ = "delivery"
    __table_args__ = (
        check_one_of("status", DeliveryStatus),
        check_length("error", ERROR_LIMIT),
        CheckConstraint("attempts >= 1", name="attempts_positive"),
        CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="failed_has_error"),
        Index("uq_delivery_execution_id_channel", "execution_id", "channel", unique=True),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID = Field(sa_column=reference("execution"))
    channel: str = Field(sa_column=words())
    """The channel's name; "card" for the reply on the alert's card."""
    status: DeliveryStatus = Field(
        default=DeliveryStatus.PENDING, sa_column=one_of(DeliveryStatus, default=DeliveryStatus.PENDING)
    )
    fence: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """Of the step that tried last; an older one must not send any more."""
    attempts: int = Field(sa_column=Column(Integer(), nullable=False))
    error: str | None = Field(default=None, sa_column=words(null=True))
    """Of the last attempt, without secrets."""
    not_before: datetime | None = Field(default=None, sa_column=moment(null=True))
    """Until when the service asked to be left alone (Retry-After)."""
    created_at: datetime = Field(sa_column=moment(clock=True))
    tried_at: datetime = Field(sa_column=moment(clock=True))
    sent_at: datetime | None = Field(default=None, sa_column=moment(null=True))
