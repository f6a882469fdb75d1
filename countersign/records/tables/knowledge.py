"""Knowledge: cases that can be searched for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, Identity, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Column, Field

from countersign.records.database.identifiers import new_id
from countersign.records.tables.columns import (
    Record,
    check_length,
    identifier,
    moment,
    reference,
    word_list,
    words,
)

TITLE_LIMIT = 300
BODY_LIMIT = 50_000
"""Characters; PostgreSQL's word index of one text is limited to a megabyte."""
WORDS = (
    "setweight(to_tsvector('english'::regconfig, title), 'A'::\"char\") || "
    "setweight(to_tsvector('english'::regconfig, body), 'C'::\"char\")"
)


def _within_block(name: str, *columns: str, parts: str | None = None) -> Index:
    """Return an index of a block's entries, without a list of what is to be put in: each look-up would read it."""
    return Index(
        f"ix_knowledge_entry_block_{name}",
        "block",
        *columns,
        postgresql_using="gin",
        postgresql_ops={} if parts is None else {parts: "gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
    )


class KnowledgeEntry(Record, table=True):
    """A searchable markdown case; one per execution that made one."""

    __tablename__ = "knowledge_entry"
    __table_args__ = (
        check_length("title", TITLE_LIMIT),
        check_length("body", BODY_LIMIT),
        Index("uq_knowledge_entry_execution_id", "execution_id", unique=True),
        Index("ix_knowledge_entry_incident_id", "incident_id"),
        Index("ix_knowledge_entry_created_at", "created_at"),
        # What is filtered by narrows much, and is shown newest first.
        Index("ix_knowledge_entry_category_created_at", "category", "created_at"),
        Index("ix_knowledge_entry_author_created_at", "author", "created_at"),
        # Within a block: words and their forms; parts of words, and Chinese, which has no spaces between words.
        _within_block("search", "search", "tags"),
        _within_block("title_parts", "title", parts="title"),
        _within_block("body_parts", "body", parts="body"),
    )

    id: UUID = Field(default_factory=new_id, sa_column=identifier())
    execution_id: UUID | None = Field(default=None, sa_column=reference("execution", null=True))
    incident_id: str | None = Field(default=None, sa_column=words(null=True))
    title: str = Field(sa_column=words())
    body: str = Field(sa_column=words())
    """Markdown."""
    tags: list[str] = Field(default_factory=list, sa_column=word_list())
    path_type: str = Field(sa_column=words())
    """approval_auto_ok, approval_auto_fail or approval_manual; note for one that a person wrote."""
    entry_type: str = Field(default="note", sa_column=words(default="note"))
    """case for what an execution left, note for what a person wrote."""
    category: str = Field(default="", sa_column=words(default=""))
    """Of the alert; empty where none is known."""
    source: str = Field(default="person", sa_column=words(default="person"))
    """execution or person: where it comes from."""
    author: str = Field(default="", sa_column=words(default=""))
    """Who asked for the execution, or wrote the note."""
    created_at: datetime = Field(sa_column=moment(clock=True))
    search: Any = Field(default=None, sa_column=Column("search", TSVECTOR(), Computed(WORDS, persisted=True)))
    """Set by the database: the title weighs more than the body."""
    seq: int | None = Field(
        default=None, sa_column=Column("seq", BigInteger(), Identity(always=True), nullable=False)
    )
    block: int | None = Field(
        default=None, sa_column=Column("block", BigInteger(), Computed("seq / 16384", persisted=True))
    )
    """Set by the database: entries are searched block by block, in the order in which they came."""
