"""How much of one kind somebody may have under way at once, so that nobody holds what all the others need.

What asks a target holds a thread for as long as that takes to answer, and what stays open holds a connection.
Counted in this process alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from countersign.errors import TooManyRequests
from countersign.web.acting import Acting
from countersign.web.problem import answer_to

MOST_ASKING: Final = 4
"""Requests of one identity that ask a target; there are 40 threads for everybody."""
MOST_OPEN: Final = 20
"""Streams and long polls of one identity."""
RETRY_SECONDS: Final = 2.0


class AtOnce:
    """What is under way, by who asked for it."""

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self._held: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def one_more(self, who: str) -> Iterator[None]:
        """Count one of `who` while it lasts. Raises TooManyRequests."""
        with self._lock:
            if self._held[who] >= self._most:
                raise TooManyRequests(f"{self._most} {self._what} at once.", retry_after=RETRY_SECONDS)
            self._held[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[who] -= 1
                if not self._held[who]:
                    del self._held[who]


def limits() -> Mapping[str, AtOnce]:
    """Return the limits of a process, by the name under which its application has them."""
    return {
        "asking": AtOnce(MOST_ASKING, "requests that ask a target"),
        "held_open": AtOnce(MOST_OPEN, "streams and waiting requests"),
    }


@contextmanager
def asking_a_target(request: Request, acting: Acting) -> Iterator[None]:
    """Count a request that asks a target while it does. Raises TooManyRequests."""
    with request.app.state.asking.one_more(acting.identity.key):
        yield


@contextmanager
def held_open(request: Request, acting: Acting) -> Iterator[None]:
    """Count a request that waits while it does. Raises TooManyRequests."""
    with request.app.state.held_open.one_more(acting.identity.key):
        yield


class OpenStream(StreamingResponse):
    """A stream that is counted while it is open; one too many is answered with a problem document."""

    def __init__(self, request: Request, acting: Acting, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._request, self._acting = request, acting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            with held_open(self._request, self._acting):
                await super().__call__(scope, receive, send)
        except TooManyRequests as refused:
            await answer_to(refused)(scope, receive, send)
