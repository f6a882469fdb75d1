"""Who is told of what happens, what was sent to them, and who files and signs by signed requests.

No row holds a secret: each is made from a key outside the database, the row's id and its version. And each row
carries a MAC of that key, so that whoever writes to the database has nothing sent to a stranger and nobody let in.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, text
from sqlmodel import Field

from countersign.records.states import WebhookResult
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

URL_LIMIT = 2_000
DELIVERY_ERROR_LIMIT = 500
_MAC = "mac ~ '^[0-9a-f]{64}$'"
_ENDED = "(ended_at IS NULL) = (ended_by IS NULL)"


class Webhook(Record, table=True):
    """An address that is told of what happens: a position in the order of the audit's sealed rows."""

    __tablename__ = "webhook"
    __table_args__ = (
        check_length("url", URL_LIMIT),
        CheckConstraint("cardinality(events) > 0", name="events_some"),
        CheckConstraint("version >= 1", name="version_positive"),
        CheckConstraint("position >= 0", name="position_not_negative"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint(_ENDED, name="ended_by_somebody"),
    )

    id: UUID = Field(sa_column=identifier())
    url: str = Field(sa_column=words())
    events: list[str] = Field(sa_column=word_list())
    """Patterns of the events' public names."""
    version: int = Field(default=1, sa_column=Column(Integer(), nullable=False, server_default=text("1")))
    """Of its secret."""
    rotated_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """Since when the secret has this version; the one before signs for a while yet."""
    created_by: str = Field(sa_column=words())
    created_at: datetime = Field(sa_column=moment())
    enabled: bool = Field(default=True, sa_column=Column(Boolean(), nullable=False, server_default=text("true")))
    position: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """The first sealed row that it was not told of, or passed by."""
    attempts: int = Field(default=0, sa_column=Column(Integer(), nullable=False, server_default=text("0")))
    """Of the event that is its turn."""
    next_try_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    ended_by: str | None = Field(default=None, sa_column=words(null=True))
    mac: str = Field(sa_column=words())


class WebhookDelivery(Record, table=True):
    """One attempt to tell a webhook of one event."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        check_one_of("result", WebhookResult),
        check_length("error", DELIVERY_ERROR_LIMIT),
        CheckConstraint("attempt >= 1", name="attempt_positive"),
        Index("ix_webhook_delivery_webhook_id_seq", "webhook_id", "seq"),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    webhook_id: UUID = Field(sa_column=reference("webhook"))
    leaf: int = Field(sa_column=Column(BigInteger(), nullable=False))
    """The event: its place among the audit's sealed rows."""
    attempt: int = Field(sa_column=Column(Integer(), nullable=False))
    result: WebhookResult = Field(sa_column=one_of(WebhookResult))
    http_status: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    """What was answered, where anything was."""
    error: str = Field(default="", sa_column=words(default=""))
    at: datetime = Field(sa_column=moment(clock=True))


class WebhookSource(Record, table=True):
    """A system whose signed requests are taken as its subject's."""

    __tablename__ = "webhook_source"
    __table_args__ = (
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint(_ENDED, name="ended_by_somebody"),
    )

    id: UUID = Field(sa_column=identifier())
    subject: str = Field(sa_column=words())
    created_by: str = Field(sa_column=words())
    created_at: datetime = Field(sa_column=moment())
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    ended_by: str | None = Field(default=None, sa_column=words(null=True))
    mac: str = Field(sa_column=words())
