"""Whether those whose streams are open still are let in: asked for all of them at once, before each look.

Every change wakes every open page of a process, so what each asks for itself is asked as often as there are pages.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from starlette.requests import Request

from countersign.errors import Unauthenticated
from countersign.execution.access import SESSION_IDLE
from countersign.execution.services import Services
from countersign.policy.roles import Permission
from countersign.records.access import sessions_open
from countersign.records.database.engine import transaction
from countersign.web.acting import Acting, doors_of
from countersign.web.pages.live.shared import shared_of
from countersign.web.services import ServiceSource
from countersign.web.still import ENDED


@dataclass(frozen=True)
class _Look:
    services: Services
    """With the policy that was in force then."""
    good: frozenset[UUID]
    """Sessions that were."""


@dataclass
class Admittance:
    """The sessions whose streams this process has open."""

    _held: Counter[UUID] = field(default_factory=Counter)

    @contextmanager
    def held(self, acting: Acting) -> Iterator[None]:
        """Ask about the session of `acting` as well while its stream is open."""
        session_id = _session(acting)
        self._held[session_id] += 1
        try:
            yield
        finally:
            self._held[session_id] -= 1
            if not self._held[session_id]:
                del self._held[session_id]

    async def still(self, request: Request, acting: Acting, since: float) -> Acting:
        """Return who looks, with the policy as it is after the moment `since`. Their session is held before it.

        Raises Unauthenticated where it is not good any more, Forbidden where they may read nothing.
        """
        read = partial(self._read, doors_of(request).source, tuple(self._held))
        found: _Look = await shared_of(request.app).get("admittance", read, since=since)
        if _session(acting) not in found.good:
            raise Unauthenticated(ENDED, hint="log in again")
        now = replace(acting, services=found.services)
        if not now.may(Permission.READ):
            await asyncio.to_thread(now.require, Permission.READ, None)
        return now

    def _read(self, source: ServiceSource, held: tuple[UUID, ...]) -> _Look:
        """Looking does not keep a session alive."""
        services = source.now()
        with transaction(services.engine) as session:
            return _Look(services, sessions_open(session, held, idle=SESSION_IDLE))


def admittance_of(request: Request) -> Admittance:
    """Return the application's."""
    if not hasattr(request.app.state, "admittance"):
        request.app.state.admittance = Admittance()
    found: Admittance = request.app.state.admittance
    return found


def _session(acting: Acting) -> UUID:
    assert acting.by.session_id is not None  # pages are for those who are logged in
    return acting.by.session_id
