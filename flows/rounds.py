"""A round of reconciliation: its parts one after the other, each behind a boundary of its own.

A part is one function that finds one kind of thing that was left undone, and does it. It takes a bounded batch and
may run any number of times at once. `flows.reconcile` lists the parts; adding one is adding it there, with a text
`reconcile.NAME` in the catalogues.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from countersign.errors import CountersignError
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records.findings import Finding, Looked
from countersign.texts import text
from flows.threads import in_thread

logger = get_logger(__name__)


@dataclass(frozen=True)
class Context:
    """What every part is given."""

    services: Services
    worker: str
    """The name under which this process owns what it takes on."""
    flow_run_id: str | None = None
    here: bool = False
    """Settle in this process what a run of the deployment would otherwise be started for."""


Look = Callable[[Context], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True)
class Part:
    """One kind of thing that is looked for."""

    name: str
    look: Look


@dataclass(frozen=True)
class Round:
    """What one round came to, part by part."""

    looked: Sequence[Looked]

    @property
    def found(self) -> int:
        """How much was found, over all parts."""
        return sum(len(each.findings) for each in self.looked)

    @property
    def problems(self) -> Sequence[str]:
        """What could not be looked at, and why."""
        return [f"{text(f'reconcile.{each.part}')}: {each.problem}" for each in self.looked if each.problem]


def threaded(function: Callable[[Services], Sequence[Finding]]) -> Look:
    """Return `function`, which works with the records alone, as a part's look."""

    async def look(context: Context) -> Sequence[Finding]:
        return await in_thread(function, context.services)

    return look


async def go_round(parts: Sequence[Part], context: Context) -> Round:
    """Look at every part once. Whatever a part raises does not keep the others from being looked at."""
    return Round([await _looked(part, context) for part in parts])


async def _looked(part: Part, context: Context) -> Looked:
    try:
        return Looked(part.name, await part.look(context))
    except Exception as error:
        # The boundary of one part: a lost connection, a full pool or a fault in one must not end the round.
        reason = reason_of(error)
        logger.warning("not reconciled", part=part.name, error=reason, exc_info=True)
        return Looked(part.name, (), problem=reason)


def reason_of(error: BaseException) -> str:
    """Return what may be shown of an error: a sentence of ours, or its kind alone, since others may tell secrets."""
    return error.message if isinstance(error, CountersignError) else type(error).__name__
