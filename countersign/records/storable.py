"""Make foreign text fit to be stored: PostgreSQL refuses NUL and lone surrogates, and columns have limits."""

from collections.abc import Mapping
from typing import Any

ERROR_LIMIT = 2_000
"""Characters of an error (operation log, execution)."""
STDERR_LIMIT = 8_000
"""Characters of a command's standard error."""

_MARK = " … [shortened] … "


def clean(text: str) -> str:
    """Return `text` with what PostgreSQL cannot hold replaced by U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def clipped(text: str | None, limit: int) -> str | None:
    """Return `text` cleaned and at most `limit` characters long; a longer one keeps its beginning and its end."""
    if text is None:
        return None
    text = clean(text)
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
