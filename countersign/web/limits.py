"""What a request may be before anything reads it: its size, its depth, and how many come from one side.

Counted in this process alone: a second web process doubles the numbers, and losing them lets nobody in.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from countersign.errors import CountersignError, RequestTooLarge, TooManyRequests, TooSlow
from countersign.web.legible import require_legible_address, require_legible_body
from countersign.web.problem import answer_to

DEEPEST: Final = 32
"""Lists and objects in one another."""
BODY_SECONDS: Final = 20.0
"""For a whole body: who sends a few bytes now and then holds nothing up for longer."""
FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
MOST_KNOWN: Final = 10_000
FREE_FAILURES: Final = 5
LONGEST_PAUSE_SECONDS: Final = 900.0
Clock = Callable[[], float]


class BodyLimit:
    """Refuses bodies that are too large, also where they do not say so, too deep, too slow or not legible."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body of a request, and pass it on if it may be."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            require_legible_address(scope["path"], scope.get("query_string", b""))
            body = await self._body(scope, receive)
        except CountersignError as refused:
            # What is left of the body is not read, so nothing else can come on this connection.
            answer = answer_to(refused)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        if body is None:
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body, None where the client went away. Raises RequestTooLarge, TooSlow, InvalidInput."""
        headers = Headers(scope=scope)
        self._require_size(int(length) if (length := headers.get("content-length", "0")).isdecimal() else 0)
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    self._require_size(len(body))
        except TimeoutError:
            raise TooSlow(f"The request did not come to its end within {BODY_SECONDS:g} s.") from None
        if body and not is_form(headers):
            if depth_of(bytes(body)) > DEEPEST:
                raise RequestTooLarge(f"The body has more than {DEEPEST} lists and objects in one another.")
            require_legible_body(bytes(body))
        return bytes(body)

    def _require_size(self, size: int) -> None:
        if size > self._limit:
            raise RequestTooLarge(
                f"The body is larger than {self._limit} bytes.", hint="COUNTERSIGN_WEB_BODY_LIMIT_BYTES raises it"
            )


def is_form(headers: Headers) -> bool:
    """Tell whether the body is a form's, as browsers send them: by the media type itself, not by a word in it."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS


def depth_of(body: bytes) -> int:
    """Return how many lists and objects of a JSON text lie in one another; in time proportional to its length."""
    deepest = depth = at = 0
    while at < len(body):
        char = body[at]
        if char == 0x22:  # a string, to its end
            at += 1
            while at < len(body) and body[at] != 0x22:
                at += 2 if body[at] == 0x5C else 1
        elif char in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"]}":
            depth -= 1
        at += 1
    return deepest


class Pace:
    """How often somebody may ask: a bucket that fills evenly, as large as a minute's requests."""

    def __init__(self, per_minute: int, *, clock: Clock = time.monotonic) -> None:
        self._size, self._clock = float(per_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, who: str) -> None:
        """Count one request of `who`. Raises TooManyRequests."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(who, (self._size, now))
            left = min(self._size, left + (now - at) * self._size / 60)
            allowed = left >= 1
            self._left[who] = (left - 1 if allowed else left, now)
            if len(self._left) > MOST_KNOWN:
                self._left.popitem(last=False)
        if not allowed:
            raise TooManyRequests(
                f"More than {self._size:.0f} requests in a minute.", retry_after=(1 - left) * 60 / self._size
            )


class Lockout:
    """Whoever shows what does not count is made to wait, twice as long every time."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def failed(self, who: str) -> None:
        """Count a failure. Raises TooManyRequests while `who` has to wait.

        Only what does not count is refused: a secret that does is let in from wherever it is shown, since nobody
        guesses 256 bits, and a neighbour's mistakes are nobody else's.
        """
        with self._lock:
            count, at = self._failures.pop(who, (0, 0.0))
            now = self._clock()
            left = _pause(count) - (now - at)
            if left > 0:
                self._failures[who] = (count, at)
                raise TooManyRequests("Too many attempts to get in failed.", retry_after=left)
            # What was long ago is forgotten.
            count = 0 if now - at > LONGEST_PAUSE_SECONDS else count
            self._failures[who] = (count + 1, now)
            if len(self._failures) > MOST_KNOWN:
                self._failures.popitem(last=False)

    def succeeded(self, who: str) -> None:
        """Forget the failures."""
        with self._lock:
            self._failures.pop(who, None)


def _pause(failures: int) -> float:
    over = failures - FREE_FAILURES
    return 0.0 if over < 0 else min(LONGEST_PAUSE_SECONDS, 2.0 ** min(over, 20))
