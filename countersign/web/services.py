"""What the handlers work with: the policy as it is now, and blocks that were read a moment ago.

Prefect shows and schedules; a request that asks nothing of a target is answered whether or not Prefect is there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Lock, Thread
from typing import Final

from countersign.errors import CountersignError
from countersign.execution.services import Services
from countersign.logging import get_logger

BLOCKS_SECONDS: Final = 15.0
_log = get_logger(__name__)
Opener = Callable[[], Awaitable[Services]]


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
        try:
            found = asyncio.run(self._opened())
        except CountersignError as error:
            _log.warning("the blocks could not be read again", error=error.message)
            found = None
        with self._lock:
            self._reading = False
            self._keep(found or self._known)

    def _keep(self, found: Services | None) -> None:
        self._known, self._read_at = found, time.monotonic()

    async def _opened(self) -> Services:
        return await self._open()
