"""A stream of server-sent events: a part of a page, rendered again whenever something it is about has changed."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import StreamingResponse

from countersign.errors import CountersignError, Forbidden, NotFound, Unauthenticated
from countersign.logging import get_logger
from countersign.web.acting import Acting
from countersign.web.changes import Changes, Watch
from countersign.web.content_security import HEADERS, NOT_KEPT
from countersign.web.pages.live.admittance import admittance_of
from countersign.web.target_limits import OpenStream

GATHER_SECONDS: Final = 0.15
"""Changes come in bursts, and all who wait are told of one at once: they share what is read after this pause."""
LOOK_SECONDS: Final = 15.0
"""A notice that was missed is made good by looking after this time in any case; it also keeps the line open."""
LONGEST_SECONDS: Final = 300.0
"""Then the browser comes again."""
GZIP: Final = 16
WINDOW_BITS: Final = 13
MEMORY_LEVEL: Final = 6
"""A stream holds 64 kB for compressing, and looks back 8 kB: some eight rows (zlib.h, deflateInit2)."""
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
    apart_seconds: float = 0.0,
    packed: bool = False,
) -> StreamingResponse:
    """Return the answer that sends what `render` returns for every change about one approval, or all of them.

    Looks are `apart_seconds` apart at least.

    `packed`: compressed where the browser reads that; only for what holds nothing that its length must not tell of.
    """
    changes = request.app.state.changes
    assert isinstance(changes, Changes)
    headers = {**HEADERS, **NOT_KEPT, "X-Accel-Buffering": "no"}
    watching = changes.watch(about)
    events: AsyncIterator[str | bytes] = _events(
        request, acting, watching, render, gather_seconds=gather_seconds, apart_seconds=apart_seconds
    )
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        events, headers = _packed(events), {**headers, "Content-Encoding": "gzip"}
    return OpenStream(request, acting, events, media_type="text/event-stream", headers=headers)


async def _packed(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """Yield each event compressed: what is alike in the last ones is sent once."""
    packer = zlib.compressobj(wbits=GZIP | WINDOW_BITS, memLevel=MEMORY_LEVEL)
    async for each in events:
        yield packer.compress(each.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)


async def _events(
    request: Request,
    acting: Acting,
    watching: AbstractContextManager[Watch],
    render: Render,
    *,
    gather_seconds: float,
    apart_seconds: float,
) -> AsyncIterator[str]:
    ends, looked = time.monotonic() + LONGEST_SECONDS, 0.0
    admittance = admittance_of(request)
    with watching as watch, admittance.held(acting):
        # What changed between the page and this stream.
        heard: tuple[str, ...] = ()
        while time.monotonic() < ends and not await request.is_disconnected():
            since = time.monotonic()
            await asyncio.sleep(max(gather_seconds, looked + apart_seconds - since))
            looked = time.monotonic()
            try:
                acting = await admittance.still(request, acting, since)
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
