"""Count what became of looking for an action's objects: hit, suggestion, miss or error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from countersign.errors import DatabaseUnavailable, Refused, TargetError, TargetNotFound
from countersign.logging import get_logger
from countersign.records.database.engine import statements
from countersign.records.resolutions import count_resolution
from countersign.records.states import ResolutionResult
from countersign.targets.model import Match, Resolution

logger = get_logger(__name__)


@dataclass
class Looking:
    """What is being looked for, and what was found of it."""

    found: Resolution | None = None


@contextmanager
def counted(engine: Engine) -> Iterator[Looking]:
    """Count how the block ends: what is put into `found`, or its error. Counting never fails the run."""
    looking = Looking()
    try:
        yield looking
    except TargetNotFound:
        _count(engine, ResolutionResult.MISS)
        raise
    except Refused:
        # The place is not allowed: nothing was looked for.
        raise
    except (TargetError, OSError):
        _count(engine, ResolutionResult.ERROR)
        raise
    if looking.found is not None:
        exact = looking.found.match is Match.EXACT
        _count(engine, ResolutionResult.HIT if exact else ResolutionResult.SUGGESTION)


def _count(engine: Engine, result: ResolutionResult) -> None:
    try:
        with statements(engine) as session:
            count_resolution(session, result)
    except DatabaseUnavailable as error:
        logger.warning("a resolution was not counted", result=result.value, reason=error.message)
