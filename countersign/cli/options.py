"""Options that several commands have, each with one name and one meaning."""

import getpass
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from countersign.errors import InvalidInput

By = Annotated[str | None, typer.Option("--by", help="Who does it; the login name unless said.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept on record.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


AGO = re.compile(r"(\d{1,6})\s*(m|h|d)")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(given: str, *, now: datetime, option: str) -> datetime:
    """Read a time (RFC 3339), or how long ago it was (30m, 12h, 7d). Raises InvalidInput naming `option`."""
    ago = AGO.fullmatch(given.strip())
    try:
        if ago is not None:
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(given.strip())
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{option}: {given[:80]!r} is not a time", hint="for example 30m, 12h, 7d or 2026-01-31T12:00:00Z"
        ) from None
    # A day alone, or a time without a zone, is meant as the lists show times.
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def user_here() -> str:
    """Return who is at this machine: the login name, or the number of a user that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.geteuid()}"


def acting(by: str | None) -> str:
    """Return who acts: `by`, or the login name. Raises InvalidInput where this user has none."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise InvalidInput("this user has no login name", hint="say who does it: --by NAME") from None
