"""What a browser keeps for the second half of a ceremony: sealed, for minutes, for one purpose.

So any web process can finish what another began, nothing of it is on record, and no other browser can finish it.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from countersign.errors import Unauthenticated
from countersign.execution.plan_seal import Seal

LIFE_SECONDS: Final = 600
_REFUSED: Final = "This was not finished by whoever began it here, or took too long."


def sealed(facts: Mapping[str, Any], seal: Seal, *, purpose: str) -> str:
    """Return a cookie's value that holds `facts` for ten minutes."""
    kept = {**facts, "purpose": purpose, "until": int(time.time()) + LIFE_SECONDS}
    body = text_of(json.dumps(kept).encode())
    return f"{body}.{seal.of_access({'cookie': body})}"


def opened(cookie: str | None, seal: Seal, *, purpose: str) -> Mapping[str, Any]:
    """Return what the cookie holds. Raises Unauthenticated: it is not this installation's, not for this, or old."""
    body, _, mac = (cookie or "").partition(".")
    if not hmac.compare_digest(mac.encode(), seal.of_access({"cookie": body}).encode()):
        raise Unauthenticated(_REFUSED, hint="begin again")
    kept: Mapping[str, Any] = json.loads(bytes_of(body))
    if kept["purpose"] != purpose or kept["until"] < time.time():
        raise Unauthenticated(_REFUSED, hint="begin again")
    return kept


def random_text() -> str:
    """Return 256 random bits, base64url."""
    return secrets.token_urlsafe(32)


def text_of(raw: bytes) -> str:
    """Return base64url without padding, as browsers have it."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def bytes_of(text: str) -> bytes:
    """Return what `text_of` was given. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
