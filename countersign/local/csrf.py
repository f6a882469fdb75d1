"""Prefect's check of a change's token (CSRF), which looks a token up once a minute and not at each request.

A token that was shown and was right is right for its hour; where it is replaced meanwhile, the old one counts for a
minute more. What needs no look passes without Prefect's middleware, which makes a task of each request.
"""

from hashlib import sha256
from time import monotonic
from typing import Final

from prefect.server.api.middleware import CsrfMiddleware
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods whose requests have to show a token (prefect.server.api.middleware)."""
KNOWN_SECONDS: Final = 60.0
MOST: Final = 1000
"""Tokens that are known at the same time; beyond that all are looked up again."""


class RememberingCsrf:
    """The same check, from memory where the same client showed the same token just now."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._asked = CsrfMiddleware(self._passed)
        self._known: dict[bytes, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on, or refuse it."""
        asks = scope["type"] == "http" and scope["method"] in CHANGES
        if asks and monotonic() >= self._known.get(_shown(scope), 0.0):
            await self._asked(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Remember the token that Prefect's check has found right."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[_shown(scope)] = monotonic() + KNOWN_SECONDS
        await self._app(scope, receive, send)


def _shown(scope: Scope) -> bytes:
    """Return what stands for the token that a change shows; how long hashes take to compare tells nothing of it."""
    headers = Headers(scope=scope)
    return sha256(repr([headers.get(f"Prefect-Csrf-{name}") for name in ("Client", "Token")]).encode()).digest()
