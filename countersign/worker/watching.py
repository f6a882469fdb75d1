"""Starting a round of reconciliation as soon as one is needed: the records are asked every few seconds by one worker.

What a round cannot get done is due again and again. A round is started for it when it is new, and then at growing
distances; the schedule's rounds come besides.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Engine

from countersign.aftermath.reconciliation import OPEN_FOR_SECONDS
from countersign.aftermath.rollback.abandonment import quiet_seconds
from countersign.execution.reconciliation import STARTED_WITHIN_SECONDS, round_of
from countersign.records.database.engine import statements
from countersign.records.due import Due, what_is_due
from countersign.records.ledger import LOST_FOR_SECONDS
from countersign.settings import Settings
from countersign.worker.run_starter import start_reconciliation

AGAIN_SECONDS = 15.0
"""After so long, and then twice as long each time, a round is started again for what is still due."""


class Watch:
    """What one process has started rounds for."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._known = frozenset[str]()

    def news(self) -> str | None:
        """Ask the records; return a key for the round that is needed, None where none is. Raises DatabaseUnavailable.

        The key is the same for whoever finds the same, so that one round comes of it.
        """
        with statements(self._engine) as session:
            found = what_is_due(
                session,
                start_seconds=STARTED_WITHIN_SECONDS,
                step_seconds=OPEN_FOR_SECONDS,
                lost_seconds=LOST_FOR_SECONDS,
                rollback_seconds=quiet_seconds(self._settings),
            )
        keys = keys_of(found, now=datetime.now(UTC))
        new, self._known = keys - self._known, keys
        return round_key(new) if new else None


def keys_of(found: Iterable[Due], *, now: datetime) -> frozenset[str]:
    """Return a key for each thing that is due, another one whenever a round is to be started for it again. Pure."""
    return frozenset(
        f"{each.kind}:{each.subject}:{each.since.timestamp()}:"
        f"{round_of((now - each.since).total_seconds(), first=AGAIN_SECONDS)}"
        for each in found
    )


def round_key(keys: Iterable[str]) -> str:
    """Return the key of the round for all of these. Pure."""
    return "due:" + sha256("\n".join(sorted(keys)).encode()).hexdigest()


async def start_round(key: str) -> None:
    """Start a round for the key, once. Raises ConfigurationError where Prefect's server does not."""
    await start_reconciliation(key=key)
