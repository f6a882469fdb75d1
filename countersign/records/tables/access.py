"""Who gets in through the API and the pages: tokens, sessions, one-time codes; and which requests were answered.

No row holds what is shown to get in, only its hash; and each carries a MAC whose key is not in the database, so that
whoever writes to it lets nobody in.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from countersign.records.tables.columns import Record, identifier, moment, word_list, words

LABEL_LIMIT = 200
KEY_LIMIT = 200
_HASH = "hash ~ '^[0-9a-f]{64}$'"
_MAC = "mac ~ '^[0-9a-f]{64}$'"


class AccessToken(Record, table=True):
    """A token of a person or a machine."""

    __tablename__ = "access_token"
    __table_args__ = (
        CheckConstraint(_HASH, name="hash_form"),
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint("kind IN ('person', 'machine')", name="kind_known"),
        CheckConstraint(f"char_length(label) <= {LABEL_LIMIT}", name="label_length"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
        Index("ix_access_token_subject_created_at", "subject", "created_at"),
    )

    id: UUID = Field(sa_column=identifier())
    subject: str = Field(sa_column=words())
    kind: str = Field(sa_column=words())
    label: str = Field(default="", sa_column=words(default=""))
    roles: list[str] = Field(default_factory=list, sa_column=word_list())
    """Those of its owner's that it may use; none named is all."""
    hash: str = Field(sa_column=words())
    mac: str = Field(sa_column=words())
    created_by: str = Field(sa_column=words())
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    last_used_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    """To the minute."""
    revoked_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    revoked_by: str | None = Field(default=None, sa_column=words(null=True))


class LoginCode(Record, table=True):
    """A code that begins one session of one person, once."""

    __tablename__ = "login_code"
    __table_args__ = (CheckConstraint(_HASH, name="hash_form"), CheckConstraint(_MAC, name="mac_form"))

    id: UUID = Field(sa_column=identifier())
    subject: str = Field(sa_column=words())
    hash: str = Field(sa_column=words())
    mac: str = Field(sa_column=words())
    created_by: str = Field(sa_column=words())
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    used_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class WebSession(Record, table=True):
    """A person who is logged in to the pages."""

    __tablename__ = "web_session"
    __table_args__ = (
        CheckConstraint(_HASH, name="hash_form"),
        CheckConstraint(_MAC, name="mac_form"),
        CheckConstraint("method IN ('code', 'oidc', 'passkey')", name="method_known"),
        Index("ix_web_session_subject_created_at", "subject", "created_at"),
    )

    id: UUID = Field(sa_column=identifier())
    subject: str = Field(sa_column=words())
    groups: list[str] = Field(default_factory=list, sa_column=word_list())
    method: str = Field(sa_column=words())
    hash: str = Field(sa_column=words())
    mac: str = Field(sa_column=words())
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    """However busy it is."""
    seen_at: datetime = Field(sa_column=moment())
    """To the minute; it ends when nothing was seen of it for long."""
    ended_at: datetime | None = Field(default=None, sa_column=moment(null=True))


class AnsweredRequest(Record, table=True):
    """What a request with an idempotency key was answered, in the transaction that did what it asked."""

    __tablename__ = "answered_request"
    __table_args__ = (
        CheckConstraint(f"char_length(key) BETWEEN 1 AND {KEY_LIMIT}", name="key_length"),
        CheckConstraint("asked ~ '^[0-9a-f]{64}$'", name="asked_form"),
        Index("ix_answered_request_at", "at"),
    )

    subject: str = Field(sa_column=Column(Text(), primary_key=True))
    key: str = Field(sa_column=Column(Text(), primary_key=True))
    asked: str = Field(sa_column=words())
    """SHA-256 of method, path and body."""
    status: int = Field(sa_column=Column(Integer(), nullable=False))
    body: Any = Field(sa_column=Column(JSONB(none_as_null=True), nullable=True))
    headers: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSONB(), nullable=False))
    at: datetime = Field(sa_column=moment(clock=True))
