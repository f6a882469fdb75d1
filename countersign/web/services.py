"""What the handlers work with: the policy as it is now, and blocks that were read a moment ago.

Prefect shows and schedules; a request that asks nothing of a target is answered whether or not Prefect is there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Lock, Thread
from typing import Final

from countersign.errors import ConfigurationError
from countersign.execution.services import Services
from countersign.logging import get_logger

BLOCKS_SECONDS: Final = 15.0
_log = get_logger(__name__)
Opener = Callable[[], Awaitable[Services]]


def _the_better(found: Services | None, known: Services | None) -> Services | None:
    """Return what was read now, with the blocks that were known where these could not be read now."""
    if found is None or known is None:
        return found or known
    if found.clusters.problem is not None and known.clusters.problem is None:
        found = replace(found, clusters=known.clusters)
    if isinstance(found.fleet, ConfigurationError) and known.fleet is not None:
        found = replace(found, fleet=known.fleet)
    if isinstance(found.chats, ConfigurationError) and known.chats is not None:
        found = replace(found, chats=known.chats)
    return found


class ServiceSource:
    """The process's services. `open_services` connects to the records and reads Prefect's blocks."""

    def __init__(self, open_services: Opener) -> None:
        self._open = open_services
        self._lock = Lock()
        self._known: Services | None = None
        self._read_at = 0.0
        self._reading = False

    def now(self) -> Services:
        """Return the services with the policy that is in force at this moment.

        Raises ConfigurationError, DatabaseUnavailable, PolicyNotTrusted.
        """
        known = self._blocks()
        policy = known.reread_policy()
        return replace(known, policy=policy, policy_mark=known.mark_of(policy))

    def _blocks(self) -> Services:
        with self._lock:
            if self._known is None:
                self._keep(asyncio.run(self._opened()))
            elif not self._reading and time.monotonic() - self._read_at > BLOCKS_SECONDS:
                # Beside the request: a Prefect that hangs holds up nobody.
                self._reading = True
                Thread(target=self._read_again, name="blocks", daemon=True).start()
            assert self._known is not None
            return self._known

    def _read_again(self) -> None:
        found = None
        try:
            found = asyncio.run(self._opened())
        except Exception as error:  # noqa: BLE001  (the boundary of this thread: the next one tries again)
            _log.warning("the blocks could not be read again", error=type(error).__name__)
        finally:
            with self._lock:
                self._reading = False
                self._keep(_the_better(found, self._known))

    def _keep(self, found: Services | None) -> None:
        self._known, self._read_at = found, time.monotonic()

    async def _opened(self) -> Services:
        return await self._open()
