"""The policy's versions, and the administrators' signatures on them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Computed, ForeignKeyConstraint, Integer, UniqueConstraint
from sqlmodel import Field

from countersign.records.tables.columns import Record, moment, sequence, words

DOCUMENT_LIMIT = 200_000
"""Characters of a policy, as many as are read."""
AUTHOR_LIMIT = 200
REASON_LIMIT = 2_000


class PolicyVersionRow(Record, table=True):
    """One version. Nothing of it changes but that it is activated, once."""

    __tablename__ = "policy_version"
    __table_args__ = (
        UniqueConstraint("number", "hash", name="uq_policy_version_number_hash"),
        ForeignKeyConstraint(
            ["previous", "previous_hash"],
            ["policy_version.number", "policy_version.hash"],
            name="fk_policy_version_previous",
        ),
        CheckConstraint("number >= 1", name="number_positive"),
        CheckConstraint("(number = 1) = (previous_hash IS NULL)", name="first_has_no_previous"),
        CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="hash_form"),
        CheckConstraint(f"char_length(document) BETWEEN 1 AND {DOCUMENT_LIMIT}", name="document_length"),
        CheckConstraint(f"char_length(author) BETWEEN 1 AND {AUTHOR_LIMIT}", name="author_length"),
        CheckConstraint(f"char_length(reason) BETWEEN 1 AND {REASON_LIMIT}", name="reason_length"),
        CheckConstraint("(activated_at IS NULL) = (activated_by IS NULL)", name="activated_by_somebody"),
    )

    number: int = Field(sa_column=Column(Integer(), primary_key=True, autoincrement=False))
    document: str = Field(sa_column=words())
    """The policy's exact text."""
    hash: str = Field(sa_column=words())
    """Of all that administrators sign (countersign.policy.versions)."""
    previous: int | None = Field(
        default=None, sa_column=Column(Integer(), Computed("NULLIF(number - 1, 0)", persisted=True), nullable=True)
    )
    """Set by the database from `number`."""
    previous_hash: str | None = Field(default=None, sa_column=words(null=True))
    author: str = Field(sa_column=words())
    reason: str = Field(sa_column=words())
    proposed_at: datetime = Field(sa_column=moment())
    activated_at: datetime | None = Field(default=None, sa_column=moment(null=True))
    activated_by: str | None = Field(default=None, sa_column=words(null=True))


class PolicySignatureRow(Record, table=True):
    """An administrator's signature on a version. Append-only."""

    __tablename__ = "policy_signature"
    __table_args__ = (
        UniqueConstraint("number", "key_id", name="uq_policy_signature_number_key_id"),
        ForeignKeyConstraint(
            ["number", "hash"], ["policy_version.number", "policy_version.hash"], name="fk_policy_signature_version"
        ),
    )

    seq: int | None = Field(default=None, sa_column=sequence())
    number: int = Field(sa_column=Column(Integer(), nullable=False))
    hash: str = Field(sa_column=words())
    administrator: str = Field(sa_column=words())
    key_id: str = Field(sa_column=words())
    value: str = Field(sa_column=words())
    created_at: datetime | None = Field(default=None, sa_column=moment(clock=True))
    """Set by the database."""
