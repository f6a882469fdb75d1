"""Sets of fields, and which fields two states of an object differ in (sigs.k8s.io/structured-merge-diff).

A field is the tuple of its path elements as FieldsV1 writes them: "f:spec", 'k:{"name":"app"}', 'v:"value"'.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.managed.list_types import (
    ALWAYS_THERE,
    ALWAYS_THERE_LISTS,
    KEY_DEFAULTS,
    KEYED_LISTS,
    SETS,
    WHOLE_MAPS,
    WHOLE_OBJECTS,
)
from sandbox.cluster.schema import element_of, fields_of, is_model

Path = tuple[str, ...]
FieldSet = set[Path]

_ABSENT = object()
_UNOWNED = {"apiVersion", "kind"}
_UNOWNED_METADATA = {
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion",
    "deletionTimestamp", "deletionGracePeriodSeconds",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a value stands: its type, and the model and field that hold it."""

    type: str
    model: str = ""
    field: str = ""

    def within(self, name: str) -> "Place":
        """Return the place of a field or of a map's element."""
        if is_model(self.type):
            known = fields_of(self.type).get(name)
            return Place(known.type if known else "object", self.type, name)
        element = element_of(self.type)
        return Place(element[1] if element and element[0] == "map" else "object")

    @property
    def element(self) -> "Place":
        """The place of a list's elements."""
        found = element_of(self.type)
        return Place(found[1] if found else "object")

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The fields that tell the elements of this list apart."""
        return KEYED_LISTS.get((self.model, self.field))

    @property
    def is_set(self) -> bool:
        """True for a list of values that are owned one by one."""
        return (self.model, self.field) in SETS

    @property
    def whole(self) -> bool:
        """True for an object or map with one owner."""
        return self.type in WHOLE_OBJECTS or (self.model, self.field) in WHOLE_MAPS


@dataclass
class Difference:
    """Fields in which an object differs from what it was."""

    added: FieldSet = field(default_factory=set)
    changed: FieldSet = field(default_factory=set)
    removed: FieldSet = field(default_factory=set)

    @property
    def set(self) -> FieldSet:
        """What now has a value that it hadn't."""
        return self.added | self.changed


def element_key(place: Place, item: Any) -> str | None:
    """Return how a list's element is called, or None for one without its keys."""
    keys = place.keys
    if keys is None or not isinstance(item, Mapping):
        return None
    found = {}
    for key in sorted(keys):
        value = item.get(key, KEY_DEFAULTS.get((place.model, place.field, key)))
        if value is None:
            return None
        found[key] = value
    return f"k:{json.dumps(found, separators=(',', ':'))}"


def children(place: Place, value: Any) -> dict[str, tuple[Place, Any]] | None:
    """Return the parts that a value is owned by, by path element; None if it is owned as a whole."""
    if isinstance(value, Mapping):
        return None if place.whole else {f"f:{key}": (place.within(key), item) for key, item in value.items()}
    if isinstance(value, list) and place.is_set:
        return {f"v:{json.dumps(item)}": (Place("str"), item) for item in value}
    if isinstance(value, list) and place.keys:
        named: dict[str, tuple[Place, Any]] = {}
        for item in value:
            key = element_key(place, item)
            if key is None:
                return None
            named.setdefault(key, (place.element, item))
        return named
    return None


def owned_part(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what nobody owns: its identity and the server's own fields."""
    kept = {key: value for key, value in item.items() if key not in _UNOWNED}
    metadata = item.get("metadata") or {}
    kept["metadata"] = {key: value for key, value in metadata.items() if key not in _UNOWNED_METADATA}
    return kept


def compare(model: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return the fields in which `after`, an object of `model`, differs from `before`."""
    found = Difference()
    old, new = owned_part(before), owned_part(after)
    for key in dict.fromkeys([*old, *new]):
        place = (
            Place(model or "object").within(key)
            if model or key != "metadata"
            else Place("V1ObjectMeta", "", "metadata")
        )
        _compare(place, old.get(key, _ABSENT), new.get(key, _ABSENT), (f"f:{key}",), found)
    return found


def _compare(place: Place, old: Any, new: Any, path: Path, found: Difference) -> None:
    if old is new or old == new:
        return
    if old is _ABSENT and _always_there(place):
        old = [] if isinstance(new, list) else {}
    parts_before = {} if old is _ABSENT else children(place, old)
    parts_after = {} if new is _ABSENT else children(place, new)
    if old is _ABSENT:
        found.added.add(path)
    elif new is _ABSENT:
        found.removed.add(path)
    elif parts_before is None or parts_after is None:
        found.changed.add(path)
        return
    before, after = parts_before or {}, parts_after or {}
    for key in dict.fromkeys([*before, *after]):
        inner, earlier = before.get(key, (None, _ABSENT))
        inner_after, later = after.get(key, (inner, _ABSENT))
        _compare(inner_after or Place("object"), earlier, later, (*path, key), found)


def _always_there(place: Place) -> bool:
    if place.type == "V1ObjectMeta":
        return True
    return (is_model(place.model) and place.field in ALWAYS_THERE) or (place.model, place.field) in ALWAYS_THERE_LISTS


def fields_in(model: str, config: Mapping[str, Any]) -> FieldSet:
    """Return the fields that an applied configuration names."""
    found: FieldSet = set()
    for key, (place, value) in (children(Place(model or "object"), owned_part(config)) or {}).items():
        known = Place("V1ObjectMeta") if key == "f:metadata" else place
        _collect(known, value, (key,), found)
    return found - {("f:metadata",)}


def _collect(place: Place, value: Any, path: Path, found: FieldSet) -> None:
    parts = children(place, value)
    if not parts:
        found.add(path)
        return
    if path[-1].startswith("k:"):
        found.add(path)
    for key, (inner, item) in parts.items():
        _collect(inner, item, (*path, key), found)


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """Return a set of fields as the API writes it."""
    root: dict[str, Any] = {}
    ordered = sorted(fields)
    inner = {path[:length] for path in ordered for length in range(1, len(path))}
    for path in ordered:
        node = root
        for part in path:
            node = node.setdefault(part, {})
        if path in inner:
            node["."] = {}
    return root


def from_fields_v1(fields: Mapping[str, Any], path: Path = ()) -> FieldSet:
    """Read what the API writes as a set of fields."""
    found: FieldSet = set()
    for key, inner in fields.items():
        if key == ".":
            found.add(path)
        elif inner:
            found |= from_fields_v1(inner, (*path, key))
        else:
            found.add((*path, key))
    return found


def shown(path: Path) -> str:
    """Return a path as conflicts write it: `.spec.template.spec.containers[name="app"].image`."""
    text = ""
    for part in path:
        if part.startswith("f:"):
            text += f".{part[2:]}"
        elif part.startswith("k:"):
            keys = json.loads(part[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
        else:
            text += f"[={part[2:]}]"
    return text
