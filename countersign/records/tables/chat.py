"""Messages in chats that show requests, and the clicks on them.

No row holds what a button carries: it is made from a key outside the database and the row's random id. Each carries a
MAC of that key, so that whoever writes to the database has nothing shown as another thing, and nobody's click made.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, text
from sqlmodel import Field

from countersign.records.states import ChatChoice, ChatPurpose, ChatService, ClickResult
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

CHAT_ERROR_LIMIT = 500
CLICK_ID_LIMIT = 200
COMMENT_LIMIT = 4_000
_MAC = "mac ~ '^[0-9a-f]{64}$'"


class ChatMessage(Record, table=True):
    """One message in one chat, about one request."""

    __tablename__ = "chat_message"
    __table_args__ = (
        check_one_of("purpose", ChatPurpose),
        check_one_of("service", ChatService),
        check_length("error", CHAT_ERROR_LIMIT),
        CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash_form"),
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint("(purpose = 'reason') = (account IS NOT NULL)", name="reason_has_account"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        # A request is shown once in a chat.
        Index(
            "uq_chat_message_approval",
            "approval_id",
            "service",
            "chat",
            unique=True,
            postgresql_where=text("purpose = 'approval'"),
        ),
        Index("ix_chat_message_open", "next_try_at", postgresql_where=text("closed_at IS NULL")),
        Index("ix_chat_message_place", "service", "chat", "message", postgresql_where=text("purpose = 'reason'")),
    )

    id: UUID = Field(sa_column=identifier())
    """At random, so that nobody guesses it."""
    purpose: ChatPurpose = Field(sa_column=one_of(ChatPurpose))
    approval_id: UUID = Field(sa_column=reference("approval"))
    service: ChatService = Field(sa_column=one_of(ChatService))
    workspace: str = Field(default="", sa_column=words(default=""))
    chat: str = Field(sa_column=words())
    """The service's id of the chat or channel."""
    language: str = Field(sa_column=words())
    content_hash: str = Field(sa_column=words())
    """SHA-256 of everything that signatures bind, as it was shown."""
    account: str | None = Field(default=None, sa_column=words(null=True))
    """The only one who may answer, where the reason is asked for."""
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    """From then on nothing is taken from it."""
    message: str | None = Field(default=None, sa_column=words(null=True))
    """The service's id of the message, once it was sent."""
    mark: str = Field(default="", sa_column=words(default=""))
    """What state of the request it shows."""
    attempts: int = Field(default=0, sa_column=Column(Integer(), nullable=False, server_default=text("0")))
    """To bring it up to date, in a row."""
    next_try_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    error: str = Field(default="", sa_column=words(default=""))
    closed_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """It has no buttons and is not changed any more."""
    mac: str = Field(sa_column=words())


class ChatClick(Record, table=True):
    """One click, as its service told it: taken once, however often it is told."""

    __tablename__ = "chat_click"
    __table_args__ = (
        check_one_of("service", ChatService),
        check_one_of("choice", ChatChoice),
        check_one_of("result", ClickResult),
        check_length("click_id", CLICK_ID_LIMIT),
        check_length("comment", COMMENT_LIMIT),
        check_length("said", CHAT_ERROR_LIMIT),
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint("(settled_at IS NULL) = (result IS NULL)", name="settled_with_result"),
        ForeignKeyConstraint(["message_id"], ["chat_message.id"]),
        Index("ix_chat_click_unsettled", "received_at", postgresql_where=text("settled_at IS NULL")),
        Index("ix_chat_click_message_id", "message_id"),
    )

    service: ChatService = Field(sa_column=Column(one_of(ChatService).type, primary_key=True))
    click_id: str = Field(sa_column=Column(Text(), primary_key=True))
    """The service's own."""
    message_id: UUID = Field()
    """The row of the message that was clicked."""
    workspace: str = Field(default="", sa_column=words(default=""))
    account: str = Field(sa_column=words())
    """Who clicked, by the service's id."""
    choice: ChatChoice = Field(sa_column=one_of(ChatChoice))
    comment: str = Field(default="", sa_column=words(default=""))
    received_at: datetime = Field(sa_column=moment())
    mac: str = Field(sa_column=words())
    settled_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    result: ClickResult | None = Field(default=None, sa_column=one_of(ClickResult, null=True))
    said: str = Field(default="", sa_column=words(default=""))
    """Why it was refused."""
