"""Post JSON to a service and read no more of its answer than says how it went."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from countersign.aftermath.notifications.answers import LONGEST_BODY
from countersign.errors import TransientTargetError
from countersign.execution.outward import PLAIN, read_at_most


@dataclass(frozen=True)
class Posted:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """Its beginning; empty where it cannot be read."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def post(
    address: str,
    value: Mapping[str, Any] | None,
    *,
    timeout: float,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Posted:
    """Post `value` on a connection of its own, which ends with it, and follow no redirect. Raises httpx.HTTPError."""
    said = {**PLAIN, **(headers or {})}
    with httpx.stream(method, address, json=value, timeout=timeout, headers=said, verify=_certificates()) as answer:
        try:
            body = read_at_most(answer, LONGEST_BODY)
        except TransientTargetError:
            body = b""
        return Posted(answer.status_code, dict(answer.headers), body)


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Return whom servers' certificates are checked by; reading them takes longer than sending."""
    return httpx.create_ssl_context()
