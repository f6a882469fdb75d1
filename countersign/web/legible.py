"""What a request says, before anything believes it: JSON that every reader reads alike, and texts that can be kept.

A name that is there twice is read as the first by some and as the last by others; a number that is not finite, a NUL
or half a character are in no record. Whatever of that is in a request is refused, wherever it stands.
"""

import json
import math
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from countersign.errors import InvalidInput
from countersign.policy.names import texts_in

MOST_DIGITS: Final = 40
_NO_CHARACTER: Final = re.compile("[\x00\ud800-\udfff]")


def require_legible_body(body: bytes) -> None:
    """Raise InvalidInput for JSON that is not plain. What is no JSON at all is left to whoever reads it."""
    if b"\x00" in body:
        # In another encoding brackets could hide in what is taken for a text.
        raise InvalidInput("body: it has a NUL", hint="send JSON as UTF-8")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("body: it is not UTF-8", hint="send JSON as UTF-8") from None
    try:
        found = json.loads(
            body, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except (ValueError, RecursionError):
        return
    if any(_NO_CHARACTER.search(each) for each in texts_in(found)):
        raise InvalidInput("body: a text in it has a NUL or half a character", hint="send text as UTF-8")


def require_legible_address(path: str, query: bytes) -> None:
    """Raise InvalidInput for an address with a NUL, or whose parameters are not UTF-8."""
    try:
        said = path + unquote_to_bytes(query.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("query: it is not UTF-8") from None
    if _NO_CHARACTER.search(said):
        raise InvalidInput("query: a NUL or half a character is in the address")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput(f"body: {name[:80]!a} is there twice", hint="give each name once")
        found[name] = value
    return found


def _constant(name: str) -> Any:
    raise InvalidInput(f"body: {name} is no JSON", hint="leave it out, or give null")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidInput("body: a number in it is larger than can be kept")
    return value


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise InvalidInput(f"body: a number in it has {len(text)} digits", hint=f"at most {MOST_DIGITS} are read")
    return int(text)
