"""Incidents that a text names: INC- and what follows."""

import re

_NAMED = re.compile(r"\bINC-[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)


def incident_named_in(*texts: str) -> str | None:
    """Return the first incident that the texts name, None where they name none. Pure."""
    return next((found[0] for text in texts if (found := _NAMED.search(text)) is not None), None)
