"""Pure: what a merge patch would take away without saying so.

It replaces lists whole (RFC 7386), so a container, a variable or a port that it does not repeat goes. Only lists that
a strategic patch merges are looked at: the others are replaced by either.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from countersign.actions.operation import PatchParameters, PatchType
from countersign.targets.kubernetes.patching import identity, merge_key

_MERGED: Final = frozenset(
    {
        "containers", "initContainers", "env", "ports", "volumes", "volumeMounts", "volumeDevices", "hostAliases",
        "imagePullSecrets", "topologySpreadConstraints",
    }
)  # fmt: skip


def dropped(live: Mapping[str, Any], wanted: Mapping[str, Any], parameters: PatchParameters) -> tuple[str, ...]:
    """Return what is in lists of `live` and not in those of `wanted`, e.g. "spec.ports[port=80]"."""
    return tuple(_dropped(live, wanted, "", "")) if parameters.type is PatchType.MERGE else ()


def _dropped(before: Any, after: Any, at: str, field: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before:
            if key in after and key not in ("status", "metadata"):
                yield from _dropped(before[key], after[key], f"{at}.{key}".lstrip("."), key)
    elif isinstance(before, list) and isinstance(after, list) and field in _MERGED:
        left = Counter(identity(item) for item in after)
        for item in before:
            name = identity(item)
            if name is None:
                continue
            left[name] -= 1
            yield from _of_item(item, None if left[name] < 0 else _kept(after, name), at)


def _kept(after: list[Any], name: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(item for item in after if identity(item) == name)
    return found


def _of_item(item: Mapping[str, Any], kept: Mapping[str, Any] | None, at: str) -> Iterator[str]:
    key = merge_key(item)
    protocol = f"/{item['protocol']}" if key in ("port", "containerPort") and "protocol" in item else ""
    named = f"{at}[{key}={item[str(key)]}{protocol}]"
    if kept is None:
        yield named
        return
    # Plain values may be the server's defaults, which come again; lists and maps were given.
    given = (field for field, value in item.items() if isinstance(value, list | Mapping) and value)
    yield from (f"{named}.{field}" for field in given if field not in kept)
    yield from _dropped(item, kept, named, "")
