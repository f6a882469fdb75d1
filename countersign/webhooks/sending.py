"""One event to one receiver over HTTP: how it may leave, and how much of the answer is waited for."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import httpx

from countersign.errors import AddressForbidden, InvalidInput
from countersign.execution.outward import PLAIN, AddressRefused, Guard, guarded
from countersign.execution.time_limit import within
from countersign.settings import settings
from countersign.webhooks.addresses import check_address
from countersign.webhooks.answers import Answer

AGENT: Final = "Countersign-Webhooks/1"


def post(url: str, body: str, headers: Mapping[str, str], *, timeout: float) -> Answer:
    """Post a signed body and return what was answered, or why nothing was; nothing of the answer's body is read.

    No redirect is followed and no proxy used: what was checked is the address that is connected to. Raises
    AddressForbidden, before anything is sent, where that is one that nothing is sent to.
    """
    try:
        check_address(url, listed=settings().allowed_local_addresses)
    except InvalidInput as error:
        raise AddressForbidden(error.message, hint=error.hint) from None
    said = {**PLAIN, "Content-Type": "application/json", "User-Agent": AGENT, **headers}
    guard: Guard | None = None
    with within(timeout) as late:
        try:
            with (
                guarded(urlsplit(url).hostname or "", private=False) as guard,
                httpx.Client(trust_env=False, timeout=timeout, verify=_certificates()) as client,
                client.stream("POST", url, content=body.encode(), headers=said, follow_redirects=False) as answer,
            ):
                retry_after = answer.headers.get("Retry-After")
                return Answer(answer.status_code, f"answered {answer.status_code}", retry_after)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Its own error, or what the library made of it.
            refused = error if isinstance(error, AddressRefused) else guard and guard.refused
            if refused:
                raise AddressForbidden(f"The webhook is not used: {refused}.") from None
            if late.is_set() or isinstance(error, httpx.TimeoutException):
                return Answer(None, "no answer in time; the event may have arrived")
            return Answer(None, f"cannot be reached ({type(error).__name__})")


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Return whom servers' certificates are checked by; reading them takes longer than sending."""
    return httpx.create_ssl_context()
