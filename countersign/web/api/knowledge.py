"""`/v1/knowledge`: cases that executions left and people wrote, found by their words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session

from countersign.masking import masked
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.knowledge import QUERY_LIMIT, Found, Only, get_entry, search
from countersign.records.queries import approvals_of
from countersign.records.tables import KnowledgeEntry
from countersign.web.acting import Acting, Caller
from countersign.web.api.reach import reachable_execution, reached
from countersign.web.api.responses import problems
from countersign.web.api.words import Word

router = APIRouter(prefix="/knowledge", tags=["knowledge"])


class _OfExecution(Protocol):
    @property
    def execution_id(self) -> UUID | None: ...


E = TypeVar("E", bound=_OfExecution)


class FoundView(BaseModel):
    """A case that was found."""

    id: UUID
    title: str
    tags: list[str]
    path_type: str
    entry_type: str
    category: str
    source: str
    author: str
    incident_id: str | None
    execution_id: UUID | None
    created_at: datetime
    rank: float
    excerpt: str = Field(description="with « and » around what was found")


class EntryView(BaseModel):
    """A case."""

    id: UUID
    title: str
    body: str = Field(description="markdown")
    tags: list[str]
    path_type: str
    entry_type: str
    category: str
    source: str
    author: str
    incident_id: str | None
    execution_id: UUID | None
    created_at: datetime


class Search(BaseModel):
    """What is looked for, and among which."""

    q: Annotated[str, StringConstraints(max_length=QUERY_LIMIT)] = Field(
        default="", description='words, "a phrase", OR, -without; the newest where it is empty'
    )
    tag: Annotated[list[Word], Field(max_length=20)] = Field(default_factory=list, description="may be repeated")
    entry_type: Word | None = None
    category: Word | None = None
    source: Word | None = None
    author: Word | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 10


@router.get("", responses=problems())
def find(
    acting: Caller,
    asked: Annotated[Search, Query()],
) -> list[FoundView]:
    """Find cases, the best first; those that the caller's roles reach."""
    acting.require(Permission.READ, None)
    only = Only(
        tags=asked.tag,
        entry_type=asked.entry_type,
        category=asked.category,
        source=asked.source,
        author=asked.author,
    )
    with acting.records() as session:
        found = search(session, asked.q, only=only, limit=asked.limit)
        return [_found(each) for each in within_reach(session, acting, found)]


@router.get("/{entry_id}", responses=problems(404))
def show(entry_id: UUID, acting: Caller) -> EntryView:
    """Return a case."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        entry = get_entry(session, entry_id)
        if entry.execution_id is not None:
            reachable_execution(session, acting, entry.execution_id, Permission.READ)
        else:
            acting.require(Permission.READ)
        return _entry(entry)


def within_reach(session: Session, acting: Acting, found: Sequence[E]) -> Sequence[E]:
    """Return the cases that they may see: of executions within reach; of people, for whom no place is left out."""
    whose = approvals_of(session, {each.execution_id for each in found if each.execution_id is not None})
    everywhere = acting.may(Permission.READ, EVERYTHING)
    rows = [each for each in found if each.execution_id is not None or everywhere]
    named = [whose[each.execution_id] if each.execution_id is not None else None for each in rows]
    return reached(session, acting, rows, named)


def _found(one: Found) -> FoundView:
    return FoundView(
        id=one.id,
        title=masked(one.title),
        tags=list(one.tags),
        path_type=one.path_type,
        entry_type=one.entry_type,
        category=one.category,
        source=one.source,
        author=one.author,
        incident_id=one.incident_id,
        execution_id=one.execution_id,
        created_at=one.created_at,
        rank=round(one.rank, 4),
        excerpt=masked(one.excerpt),
    )


def _entry(row: KnowledgeEntry) -> EntryView:
    return EntryView(
        id=row.id,
        title=masked(row.title),
        body=masked(row.body),
        tags=row.tags,
        path_type=row.path_type,
        entry_type=row.entry_type,
        category=row.category,
        source=row.source,
        author=row.author,
        incident_id=row.incident_id,
        execution_id=row.execution_id,
        created_at=row.created_at,
    )
