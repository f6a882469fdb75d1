"""A stream of server-sent events: a part of a page, rendered again whenever something it is about has changed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse

from countersign.errors import CountersignError, Forbidden, NotFound, Unauthenticated
from countersign.logging import get_logger
from countersign.web.acting import Acting
from countersign.web.changes import Changes, Watch
from countersign.web.content_security import HEADERS, NOT_KEPT
from countersign.web.still import still
from countersign.web.target_limits import OpenStream

GATHER_SECONDS: Final = 0.15
"""Changes come in bursts, and all who wait are told of one at once: they share what is read after this pause."""
LOOK_SECONDS: Final = 15.0
"""A notice that was missed is made good by looking after this time in any case; it also keeps the line open."""
LONGEST_SECONDS: Final = 300.0
"""Then the browser comes again."""
_log = get_logger(__name__)
HERE: Final = "event: here\ndata:\n\n"
"""Says that the line is open: a comment would be kept from the page's script."""


@dataclass(frozen=True)
class Part:
    """What is sent at once."""

    html: str
    """Empty where there is nothing new."""
    mark: str
    """What the page has from then on. Whoever connects again shows the last one that came (`mark_of`)."""


Render = Callable[[Acting, tuple[str, ...], float], Awaitable[Part]]
"""Given who looks, with the policy as it is now, the approvals that something changed about (none: look in any case)
and the moment from which on what is read counts as new, return what is sent."""


def mark_of(request: Request, first: str) -> str:
    """Return what the page has: the mark of the last part that came, `first` where none has."""
    return request.headers.get("last-event-id", first)


def stream(
    request: Request,
    acting: Acting,
    render: Render,
    *,
    about: str | None = None,
    gather_seconds: float = GATHER_SECONDS,
) -> StreamingResponse:
    """Return the answer that sends what `render` returns for every change about one approval, or all of them."""
    changes = request.app.state.changes
    assert isinstance(changes, Changes)
    return OpenStream(
        request,
        acting,
        _events(request, acting, changes.watch(about), render, gather_seconds),
        media_type="text/event-stream",
        headers={**HEADERS, **NOT_KEPT, "X-Accel-Buffering": "no"},
    )


async def _events(
    request: Request, acting: Acting, watching: AbstractContextManager[Watch], render: Render, gather_seconds: float
) -> AsyncIterator[str]:
    ends = time.monotonic() + LONGEST_SECONDS
    with watching as watch:
        # What changed between the page and this stream.
        heard: tuple[str, ...] = ()
        while time.monotonic() < ends and not await request.is_disconnected():
            since = time.monotonic()
            await asyncio.sleep(gather_seconds)
            try:
                acting = await asyncio.to_thread(still, request, acting)
                part = await render(acting, heard, since)
            except (Unauthenticated, Forbidden, NotFound):
                # Whoever comes again is told why.
                return
            except CountersignError as error:
                # The database is away: the line stays open, and the next look makes it good.
                _log.warning("a live part was not rendered", error=error.message)
                part = None
            yield event(part) if part is not None and part.html else HERE
            heard = await watch.wait(LOOK_SECONDS)


def event(part: Part) -> str:
    """Return one event that carries `part`."""
    lines = "".join(f"data: {line}\n" for line in part.html.splitlines())
    return f"id: {part.mark}\n{lines}\n"
