"""Pure: what a merge patch would take away without saying so.

It replaces lists whole (RFC 7386), so a container, a variable or a port that it does not repeat goes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from countersign.actions.operation import PatchParameters, PatchType
from countersign.targets.kubernetes.patching import merge_key


def dropped(live: Mapping[str, Any], wanted: Mapping[str, Any], parameters: PatchParameters) -> tuple[str, ...]:
    """Return what is in lists of `live` and not in those of `wanted`, e.g. "spec.ports[port=80]"."""
    return tuple(_dropped(live, wanted, "")) if parameters.type is PatchType.MERGE else ()


def _dropped(before: Any, after: Any, at: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before:
            if key in after and key not in ("status", "metadata"):
                yield from _dropped(before[key], after[key], f"{at}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list):
        for item in before:
            if (key := merge_key(item)) is None:
                continue
            named = f"{at}[{key}={item[key]}]"
            kept = next(
                (other for other in after if isinstance(other, Mapping) and other.get(key) == item[key]), None
            )
            if kept is None:
                yield named
                continue
            # Plain values may be the server's defaults, which come again; lists and maps were given.
            given = (field for field, value in item.items() if isinstance(value, list | Mapping) and value)
            yield from (f"{named}.{field}" for field in given if field not in kept)
            yield from _dropped(item, kept, named)
