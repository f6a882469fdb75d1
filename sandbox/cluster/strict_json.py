"""Fields that stand twice in a JSON document, which an ordinary reader passes over (sigs.k8s.io/json)."""

import json
from typing import Any


class _Pairs(list[tuple[str, Any]]):
    """An object, as the pairs that were written."""


def duplicate_fields(raw: bytes) -> tuple[str, ...]:
    """Return the complaints about a body: `duplicate field "spec.replicas"`; none for what is no JSON."""
    try:
        found = json.loads(raw, object_pairs_hook=_Pairs)
    except ValueError:
        return ()
    paths: list[str] = []
    _look(found, "", paths)
    return tuple(f'duplicate field "{path}"' for path in dict.fromkeys(paths))


def _look(value: Any, at: str, paths: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            where = f"{at}.{key}" if at else key
            if key in seen:
                paths.append(where)
            seen.add(key)
            _look(inner, where, paths)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _look(inner, f"{at}[{index}]", paths)
