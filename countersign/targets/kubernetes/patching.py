"""Pure: what a patch names, what an object looks like with exactly that changed, and whether the server agreed.

A dry run answers the whole object, with what the server would allocate and default (a dummy node port among it). Only
what the patch names is taken from it: the rest is the server's to decide when the change is applied.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import jsonpatch
from kubernetes.utils.quantity import parse_quantity

from countersign.actions.operation import PatchParameters, PatchType

Json = Any
_MERGE_KEYS: Final = (
    "mountPath", "devicePath", "containerPort", "port", "ip", "topologyKey", "uid", "name", "key", "type",
)  # fmt: skip
"""What strategic merges tell list items apart by (patchMergeKey in k8s.io/api), the more particular ones first."""


_PORTS: Final = ("port", "containerPort")
"""Of one number there may be two, for TCP and for UDP."""
_ZERO: Final[tuple[Json, ...]] = (False, 0, "", [], {})


@dataclass(frozen=True)
class Item:
    """One item of a list that is merged by key."""

    key: str
    name: str
    protocol: str | None = None

    def __str__(self) -> str:
        return f"[{self.key}={self.name}{f'/{self.protocol}' if self.protocol else ''}]"

    def is_it(self, value: Json) -> bool:
        """Return whether a list's item is this one."""
        if not isinstance(value, Mapping) or str(value.get(self.key)) != self.name:
            return False
        return self.protocol is None or value.get("protocol", "TCP") == self.protocol


Part = str | int | Item
"""A field, the place in a list (-1 is its end), or an item by its key."""


@dataclass(frozen=True)
class Leaf:
    """One value that a patch names."""

    path: tuple[Part, ...]
    value: Json
    """None: the field is to be absent."""

    @property
    def shown(self) -> str:
        """The field as people write it: spec.template.spec.containers[name=app].image."""
        shown = (f".{part}" if isinstance(part, str) else str(part) if isinstance(part, Item) else f"[{part}]"
                 for part in self.path)  # fmt: skip
        return "".join(shown).lstrip(".")


def with_patch(live: Mapping[str, Json], answered: Mapping[str, Json], parameters: PatchParameters) -> Json:
    """Return `live` with what the patch names as the server's dry run `answered` it, and nothing else changed."""
    patch = json.loads(parameters.patch)
    match parameters.type:
        case PatchType.JSON:
            operations = [each for each in patch if each.get("op") != "test"]
            return jsonpatch.apply_patch(deepcopy(dict(live)), operations)
        case PatchType.MERGE:
            return _merged(live, patch)
        case PatchType.STRATEGIC:
            return _projected(live, answered, patch)


def not_as_named(answered: Mapping[str, Json], parameters: PatchParameters) -> tuple[Leaf, ...]:
    """Return what the patch names and the server's answer does not have with that value."""
    patch = json.loads(parameters.patch)
    # A strategic patch merges lists by key and may add to one of plain values (finalizers), the others replace them.
    adds = parameters.type is PatchType.STRATEGIC
    leaves = json_leaves(patch) if parameters.type is PatchType.JSON else _leaves(patch, (), keyed=adds)
    return tuple(leaf for leaf in leaves if not _holds(answered, leaf, adds=adds))


def _merged(live: Json, patch: Json) -> Json:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    result = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _projected(live: Json, answered: Json, patch: Json) -> Json:
    """Return `live` with what a strategic patch names taken from the answer; directives are not read, so what they
    are about is taken whole.
    """
    if isinstance(patch, Mapping) and isinstance(answered, Mapping):
        if "$patch" in patch or "$retainKeys" in patch:
            return deepcopy(answered)
        result = deepcopy(dict(live)) if isinstance(live, Mapping) else {}
        for key, value in patch.items():
            field = key.partition("/")[2] if key.startswith("$") else key
            if field not in answered:
                result.pop(field, None)
            elif key == field:
                result[field] = _projected(result.get(field), answered[field], value)
            elif field not in patch:
                result[field] = deepcopy(answered[field])
        return result
    if isinstance(patch, list) and isinstance(answered, list) and all(isinstance(item, Mapping) for item in patch):
        return _items(live if isinstance(live, list) else [], answered, patch)
    return deepcopy(answered)


def _items(live: list[Json], answered: list[Json], patch: list[Json]) -> list[Json]:
    """Return a merged list: each item as it was, or with what its part of the patch names.

    Names may be there twice (a port for UDP and for TCP, a variable that is set again): the n-th is the n-th.
    """
    met: Counter[Json] = Counter()
    found = []
    for item in answered:
        name = identity(item)
        before = next(islice((old for old in live if identity(old) == name), met[name], None), None)
        met[name] += 1
        found.append(item if name is None or item == before else _item(before, item, patch))
    return found


def _item(before: Json, answered: Json, patch: list[Json]) -> Json:
    key = merge_key(answered)
    part = next((item for item in patch if key in item and item[key] == answered[key]), None)
    if part is None:
        return answered if before is None else before
    found = _projected(before, answered, part)
    return {field: value for field, value in found.items() if field in answered}


def identity(item: Json) -> tuple[str, str, str] | None:
    """Return what tells a list's item apart from the others, None where nothing does. A port has a protocol, too."""
    key = merge_key(item)
    if key is None:
        return None
    protocol = item.get("protocol", "TCP") if key in _PORTS else ""
    return key, str(item[key]), str(protocol)


def merge_key(item: Json) -> str | None:
    """Return the field that tells a list's item apart from the others, None where there is none."""
    return next((key for key in _MERGE_KEYS if key in item), None) if isinstance(item, Mapping) else None


def _leaves(patch: Json, path: tuple[Part, ...], *, keyed: bool) -> Iterator[Leaf]:
    if isinstance(patch, Mapping):
        if patch.get("$patch") == "delete":
            return
        # What else a directive carries has to be there afterwards: a server may drop it where nothing was before.
        for key, value in patch.items():
            if not key.startswith("$"):
                yield from _leaves(value, (*path, key), keyed=keyed)
    elif isinstance(patch, list) and patch and all(isinstance(item, Mapping) for item in patch):
        for number, item in enumerate(patch):
            yield from _leaves(item, (*path, _part(item, number, keyed=keyed)), keyed=keyed)
    else:
        yield Leaf(path, patch)


def _part(item: Mapping[str, Json], number: int, *, keyed: bool) -> Part:
    """Return how a leaf's path names a list's item: by its key, or where the list is replaced by its place."""
    key = merge_key(item)
    if not keyed or key is None:
        return number
    return Item(key, str(item[key]), str(item["protocol"]) if key in _PORTS and "protocol" in item else None)


def json_leaves(operations: list[Mapping[str, Json]]) -> Iterator[Leaf]:
    """Yield what `add` and `replace` name. Later operations may move or remove it again, so only the last counts."""
    named: dict[tuple[str, ...], Json] = {}
    for each in operations:
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in str(each.get("path")).split("/")[1:])
        if each.get("op") in ("add", "replace"):
            named[path] = each.get("value")
        elif each.get("op") in ("remove", "move"):
            named = {other: value for other, value in named.items() if other[: len(path)] != path}
    moved = any(each.get("op") in ("remove", "move") for each in operations)
    for path, value in named.items():
        # An index means another item once something before it was taken out.
        if not (moved and any(part.isdigit() or part == "-" for part in path)):
            inside = tuple(-1 if part == "-" else int(part) if part.isdigit() else part for part in path)
            yield from _leaves(value, inside, keyed=False)


def nested(leaf: Leaf) -> Json:
    """Return a leaf as the merge patch that would name it."""
    value = leaf.value
    for part in reversed(leaf.path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def _holds(answered: Json, leaf: Leaf, *, adds: bool) -> bool:
    found = value_at(answered, leaf.path)
    if leaf.value is None or (found is None and leaf.value in _ZERO):
        return True  # absence, for which the server may put a default; a zero value is left out of answers
    if adds and isinstance(found, list) and isinstance(leaf.value, list):
        return all(value in found for value in leaf.value)
    return found is not None and same(found, leaf.value)


def value_at(value: Json, path: tuple[Part, ...]) -> Json:
    """Return the value at a leaf's path, None where there is none."""
    for part in path:
        if isinstance(part, str):
            value = value.get(part) if isinstance(value, Mapping) else None
        elif not isinstance(value, list):
            # A map may have numbers for keys.
            value = value.get(str(part)) if isinstance(value, Mapping) else None
        elif isinstance(part, Item):
            value = next((item for item in value if part.is_it(item)), None)
        else:
            value = value[part] if -len(value) <= part < len(value) else None
    return value


def same(found: Json, wanted: Json) -> bool:
    """Return whether two values are one to the API: 1000m and "1" are the same quantity, {} and [] are absence."""
    if isinstance(found, bool) is not isinstance(wanted, bool):
        return False  # which Python takes for 0 and 1
    if found == wanted:
        return True
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(same(*pair) for pair in zip(found, wanted, strict=True))
    try:
        return bool(parse_quantity(found) == parse_quantity(wanted))  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, ArithmeticError):
        return False
