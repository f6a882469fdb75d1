"""Reading and changing incidents through working memory: PostgreSQL is written first and has the last word.

A copy is believed only while its version is the row's, which one look at the primary key tells: however a copy got
old (a process that died between the two writes, a Redis that was away), it cannot win. While PostgreSQL does not
answer, the copy is what there is, and says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.errors import DatabaseUnavailable, MemoryUnavailable
from countersign.logging import get_logger
from countersign.memory.connection import open_memory
from countersign.memory.working import Copy, WorkingMemory
from countersign.records.database.engine import transaction
from countersign.records.incidents import find_incident, get_incident, version_of
from countersign.records.tables import AutoRepair, Incident
from countersign.settings import Settings

T = TypeVar("T")
logger = get_logger(__name__)


class Source(StrEnum):
    """Where an answer comes from."""

    WORKING = "working"
    EPISODIC = "episodic"


@dataclass(frozen=True)
class Recalled:
    """An incident as it was found."""

    document: Mapping[str, Any]
    version: int
    source: Source
    certain: bool = True
    """False while PostgreSQL does not answer: there may be a younger version."""


def working_memory(settings: Settings) -> WorkingMemory | None:
    """Return the working memory that the settings name, None where they name none. Raises MemoryUnavailable."""
    if settings.redis_url is None:
        return None
    return WorkingMemory(open_memory(settings.redis_url), seconds=settings.working_memory_seconds)


def recall(engine: Engine, memory: WorkingMemory | None, incident_id: str) -> Recalled:
    """Return an incident, from its copy if that is good, else its row. Raises NotFound, DatabaseUnavailable."""
    copy = _copy(memory, incident_id)
    if copy is not None:
        try:
            with transaction(engine) as session:
                version = version_of(session, incident_id)
        except DatabaseUnavailable as error:
            logger.warning("an incident's copy could not be compared with its row", reason=error.message)
            return Recalled(copy.document, copy.version, Source.WORKING, certain=False)
        if version == copy.version:
            return Recalled(copy.document, copy.version, Source.WORKING)
    with transaction(engine) as session:
        incident = get_incident(session, incident_id)
    remember(memory, incident)
    return Recalled(document_of(incident), incident.version, Source.EPISODIC)


def change(engine: Engine, memory: WorkingMemory | None, incident_id: str, write: Callable[[Session], T]) -> T:
    """Let `write` change the records, then keep a copy of the incident as it is; losing the copy is harmless."""
    with transaction(engine) as session:
        written = write(session)
        incident = find_incident(session, incident_id)
    if incident is not None:
        remember(memory, incident)
    return written


def remember(memory: WorkingMemory | None, incident: Incident) -> bool:
    """Keep a copy of the row; False where that was not possible."""
    if memory is None:
        return False
    try:
        return memory.keep(incident.id, Copy(incident.version, document_of(incident)))
    except MemoryUnavailable as error:
        logger.warning("no copy of an incident was kept", incident=incident.id, reason=error.message)
        return False


def document_of(row: Incident | AutoRepair) -> dict[str, Any]:
    """Return the row as JSON values, in the order of its columns."""
    found = row.model_dump(mode="json")
    return {name: found[name] for name in type(row).model_fields}


def _copy(memory: WorkingMemory | None, incident_id: str) -> Copy | None:
    if memory is None:
        return None
    try:
        return memory.recall(incident_id)
    except MemoryUnavailable as error:
        logger.warning("working memory was not asked", reason=error.message)
        return None
