"""Where a webhook may lead: checked when it is added, and again whenever something is sent."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from countersign.errors import AddressForbidden, InvalidInput
from countersign.execution.outward import SETTING, why_address
from countersign.records.tables.webhooks import URL_LIMIT
from countersign.texts import text

_HINT: Final = "for example https://approvals.example.com/countersign"


def check_address(url: str, *, listed: Sequence[str]) -> SplitResult:
    """Return the parts of an address that a webhook may lead to. Raises InvalidInput, AddressForbidden.

    What a name means is asked where the connection is made: another answer may be given then.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("url: is no address", hint=_HINT) from None
    if len(url) > URL_LIMIT or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidInput(f"url: is longer than {URL_LIMIT} characters, or has some that no address has", hint=_HINT)
    if parts.scheme not in ("https", "http") or not host:
        raise InvalidInput("url: is no address of a web server", hint=_HINT)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidInput(
            "url: has a user, a password or a fragment, which are not sent",
            hint="the signature shows who sends",
        )
    if why := why_address(host, listed=listed, private=False):
        raise AddressForbidden(f"The webhook is not used: {text(f'outward.{why}', setting=SETTING)}.")
    if parts.scheme == "http" and not _is_listed(host, listed):
        raise InvalidInput(
            "url: is not encrypted", hint=f"https://…, or an address that {SETTING} lists, for a receiver close by"
        )
    return parts


def _is_listed(host: str, listed: Sequence[str]) -> bool:
    """Tell whether a host is one of those that the setting lists: what is refused without it, and not with it."""
    if host in listed:
        return True
    return (
        why_address(host, listed=(), private=False) is not None
        and why_address(host, listed=listed, private=False) is None
    )
