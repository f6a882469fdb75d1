"""Make foreign text fit to be stored: PostgreSQL refuses NUL and lone surrogates, and columns have limits."""

from collections.abc import Mapping
from typing import Any

from countersign.masking import masked, masked_values

ERROR_LIMIT = 2_000
"""Characters of an error (operation log, execution)."""
STDERR_LIMIT = 8_000
"""Characters of a command's standard error."""

_MARK = " … [shortened] … "


def clean(text: str) -> str:
    """Return `text` with what PostgreSQL cannot hold replaced by U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def told(text: str) -> str:
    """Return `text`, which people will read, cleaned and without secrets."""
    return clean(masked(text))


def told_json(value: Any) -> Any:
    """Return the JSON value, which people will read, cleaned and without secrets."""
    return clean_json(masked_values(value))


def clipped(text: str | None, limit: int) -> str | None:
    """Return `text` as `told` does, at most `limit` characters long; a longer one keeps its beginning and its end."""
    if text is None:
        return None
    # Masked before it is cut: what remains of a secret's surroundings may not give it away.
    text = told(text)
    if len(text) <= limit:
        return text
    head = (limit - len(_MARK)) * 2 // 3
    tail = limit - len(_MARK) - head
    return text[:head] + _MARK + text[-tail:]


def clean_json(value: Any) -> Any:
    """Return the JSON value with every text and key cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value
