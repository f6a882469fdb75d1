"""Canonical JSON and its SHA-256: the form that signatures, plans and cache keys are computed over.

The form is RFC 8785's for the values used here: keys sorted, no spaces, UTF-8, no floats (a float's
text differs between languages, so a signer elsewhere could compute another hash for the same value).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeAlias

JSON: TypeAlias = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | bool | None


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`. Raises TypeError for floats and for what JSON has no form for."""
    _refuse_floats(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of `value`'s canonical JSON as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def with_decimals(value: Any) -> Any:
    """Return `value` with every number that has a fraction as {"decimal": "0.25"}, in a list or mapping too.

    A whole number is one however it was written (1.0, 1e20), as in JSON. Raises ValueError for what is no number.
    """
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{value} is no JSON number")
        return int(value) if value.is_integer() else {"decimal": repr(value)}
    if isinstance(value, Mapping):
        return {key: with_decimals(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_decimals(item) for item in value]
    return value


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"canonical JSON has no floats, got {value!r}; use a string or an integer")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON has string keys, got {key!r}")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
