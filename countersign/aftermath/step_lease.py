"""Keep a step while it is at work: its lease is renewed, and sooner again where that did not succeed."""

from collections.abc import Sequence
from time import monotonic
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from countersign.errors import DatabaseUnavailable
from countersign.logging import get_logger
from countersign.records.database.engine import statements
from countersign.records.ledger import TakenStep, keep_queued, keep_step
from countersign.settings import Settings

logger = get_logger(__name__)
SHORTEST_LEASE_SECONDS = 15.0
"""A lease that is over says that the runner is gone; a slow machine must not."""
AGAIN_SECONDS = 1.0
"""Between two tries to write while the database is away."""


QUEUED_SECONDS = 10.0
"""How often a process tells that it will begin the steps that wait in it."""


def keep_queued_steps(engine: Engine, execution_ids: Sequence[UUID]) -> None:
    """Tell the ledger that this process will begin these executions' steps. What cannot be told is told later."""
    if not execution_ids:
        return
    try:
        with statements(engine) as session:
            keep_queued(session, execution_ids, older_than_seconds=QUEUED_SECONDS / 2)
    except (DatabaseUnavailable, DBAPIError) as error:
        logger.warning("queued steps are not told of", error=type(error).__name__)


def lease_seconds(settings: Settings) -> float:
    """Return for how long a step is its runner's without a sign of life."""
    return max(settings.lease_seconds, SHORTEST_LEASE_SECONDS)


class Keeper:
    """Renews one step's lease, a third of it after the last time."""

    def __init__(self, engine: Engine, step: TakenStep, lease: float, *, since: float) -> None:
        """`since` is the monotonic time at which the step was asked for, in seconds."""
        self._engine, self._step, self._lease = engine, step, lease
        self._due = since + lease / 3

    def seconds(self) -> float:
        """Return the seconds until the lease is to be renewed."""
        return max(0.0, self._due - monotonic())

    def keep(self) -> None:
        """Renew the lease if its time has come. Raises StaleFence: the step is somebody else's."""
        began = monotonic()
        if began < self._due:
            return
        try:
            with statements(self._engine) as session:
                keep_step(session, self._step, self._lease)
        except (DatabaseUnavailable, DBAPIError) as error:
            logger.warning("the step's lease was not renewed", step=self._step.name, error=type(error).__name__)
            self._due = monotonic() + AGAIN_SECONDS
        else:
            # From before it was asked for, as a lock may have been waited for.
            self._due = began + self._lease / 3
