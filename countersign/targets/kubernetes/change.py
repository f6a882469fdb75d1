"""The difference between an object as it is and as it is wanted, as a JSON patch that can only apply once.

Every mutation of fields goes this way, whatever the verb: a pure function makes the wanted object, this module
makes the patch. The patch tests the uid, the generation where the API server counts one, and each field that
it changes, so a copy of the request that arrives late changes nothing: once anything else has touched the
object's spec, its generation is another.

Fields are also kept under names that survive reordering (`/spec/containers/[name=api]/image`, and for a node's taints
`/spec/taints/[key=disk,effect=NoSchedule]`), which is what `inspect` compares, and only changed fields are kept, so a
plan holds no environment values but the changed ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = Any
"""JSON values; None is an absent field, as in the Kubernetes API."""

_SERVER_OWNED: Final = frozenset({"apiVersion", "kind", "status"})
_CALLER_OWNED_METADATA: Final = ("labels", "annotations", "finalizers", "ownerReferences")


@dataclass(frozen=True)
class FieldChange:
    """One changed field."""

    at: str
    """Stable name, a JSON pointer in which list items with a name are `[name=…]`."""
    before: Json
    after: Json


@dataclass(frozen=True)
class Difference:
    """What has to happen to `before` to become `after`."""

    operations: tuple[Mapping[str, Json], ...]
    """JSON patch operations, without tests."""
    tests: tuple[Mapping[str, Json], ...]
    """JSON patch tests that the changed fields are as before. Absent fields are tested for null, which the API
    server's JSON patch (evanphx/json-patch) takes as absent."""
    fields: tuple[FieldChange, ...]

    @property
    def outside_metadata(self) -> bool:
        """Return whether anything but labels, annotations and the like changes."""
        return any(not field.at.startswith("/metadata/") for field in self.fields)


def difference(before: Mapping[str, Json], after: Mapping[str, Json]) -> Difference:
    """Compare what a caller may set: everything except status and the metadata that the server keeps."""
    walk = _Walk()
    walk.mapping(_settable(before), _settable(after), "", "")
    return Difference(tuple(walk.operations), tuple(walk.tests), tuple(walk.fields))


def field_of(value: Json, at: str) -> Json:
    """Return the field of an object under its stable name, None if absent."""
    for part in at.split("/")[1:]:
        if part.startswith("[") and isinstance(value, list):
            value = next((item for item in value if _identity(item) == part), None)
        elif isinstance(value, list) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(_unescape(part))
        else:
            return None
    return value


def guarded(found: Difference, live: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Return the JSON patch of `found` with its preconditions, for the object `live`.

    The generation counts changes of the spec, not status writes, so it holds for as long as nobody changes what
    is wanted. It does not count labels; changes of metadata are tested field by field.
    """
    metadata = live["metadata"]
    tests: list[Mapping[str, Json]] = [_test("/metadata/uid", metadata["uid"])]
    if found.outside_metadata and metadata.get("generation") is not None:
        tests.append(generation_test(metadata["generation"]))
    return [*tests, *found.tests, *found.operations]


def guarded_inverse(live: Mapping[str, Json], after: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Return the JSON patch that takes the change back, as long as every changed field still is as we wrote it."""
    back = difference(after, live)
    return [_test("/metadata/uid", live["metadata"]["uid"]), *back.tests, *back.operations]


def generation_test(generation: int) -> Mapping[str, Json]:
    """Return the precondition that nobody has changed the object's spec since it had this generation."""
    return _test("/metadata/generation", generation)


def as_answered(fields: tuple[FieldChange, ...], answered: Json) -> tuple[FieldChange, ...]:
    """Return `fields` with the values that the server's answer has for them (it rewrites 1000m as 1).

    Of what is added whole, only what is sent counts: the rest is the server's (defaults, a port that it allocates).
    """
    return tuple(
        FieldChange(field.at, field.before, part_of(field_of(answered, field.at), field.after)) for field in fields
    )


def part_of(value: Json, like: Json) -> Json:
    """Return as much of `value` as `like` has fields."""
    if isinstance(value, Mapping) and isinstance(like, Mapping):
        return {key: part_of(value.get(key), inner) for key, inner in like.items()}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [part_of(item, inner) for item, inner in zip(value, like, strict=True)]
    return value


def shows(value: Json, at: str, wanted: Json) -> bool:
    """Return whether an object has what is wanted of a field."""
    return bool(part_of(field_of(value, at), wanted) == wanted)


def _settable(value: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: item for key, item in value.items() if key not in _SERVER_OWNED and key != "metadata"}
    metadata = value.get("metadata") or {}
    kept["metadata"] = {key: metadata[key] for key in _CALLER_OWNED_METADATA if metadata.get(key)}
    return kept


class _Walk:
    """Collects operations, tests and fields while comparing two values side by side."""

    def __init__(self) -> None:
        self.operations: list[Mapping[str, Json]] = []
        self.tests: list[Mapping[str, Json]] = []
        self.fields: list[FieldChange] = []

    def value(self, before: Json, after: Json, path: str, at: str) -> None:
        if before == after:
            return
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            self.mapping(before, after, path, at)
        elif _by_name(before, after):
            self.named_list(before, after, path, at)
        else:
            self.tests.append(_test(path, before))
            self.operations.append(_operation(path, before, after))
            self.fields.extend(_leaves(before, after, at))

    def mapping(self, before: Mapping[str, Json], after: Mapping[str, Json], path: str, at: str) -> None:
        for key in sorted({*before, *after}):
            step = f"/{_escape(key)}"
            self.value(before.get(key), after.get(key), path + step, at + step)

    def named_list(self, before: list[Json], after: list[Json], path: str, at: str) -> None:
        """Change kept items in place, then remove from the end, then append: indexes stay right throughout."""
        wanted = {_identity(item): item for item in after}
        for index, item in enumerate(before):
            name = _identity(item)
            if name in wanted and wanted[name] != item:
                for key in _identifying(item):
                    self.tests.append(_test(f"{path}/{index}/{key}", item[key]))
                self.value(item, wanted[name], f"{path}/{index}", f"{at}/{name}")
        for index, item in reversed(list(enumerate(before))):
            if _identity(item) not in wanted:
                self.tests.append(_test(f"{path}/{index}", item))
                self.operations.append({"op": "remove", "path": f"{path}/{index}"})
                self.fields.append(FieldChange(f"{at}/{_identity(item)}", item, None))
        present = {_identity(item) for item in before}
        if any(_is_taint(item) and _identity(item) not in present for item in after):
            # A node has no generation, which keeps a second copy from adding an item to other objects' lists.
            self.tests.append(_test(path, before))
        for index, item in enumerate(after):
            if _identity(item) not in present:
                self.operations.append({"op": "add", "path": f"{path}/{index}", "value": item})
                self.fields.append(FieldChange(f"{at}/{_identity(item)}", None, item))


def _by_name(before: Json, after: Json) -> bool:
    """Return whether two lists hold uniquely named items, the kept ones in the same order, in either list."""
    if not (isinstance(before, list) and isinstance(after, list) and before and after):
        return False
    names: list[list[str]] = []
    for items in (before, after):
        found = [name for item in items if (name := _identity(item)) is not None]
        if len(set(found)) != len(items):
            return False
        names.append(found)
    kept = [name for name in names[0] if name in names[1]]
    return kept == [name for name in names[1] if name in names[0]]


def _leaves(before: Json, after: Json, at: str) -> Iterator[FieldChange]:
    """Split a mapping, or list of taints, that comes or goes into its fields: others may add theirs beside them."""
    whole = before if after is None else after
    if isinstance(whole, Mapping) and whole and (before is None or after is None):
        for key in sorted(whole):
            old = before.get(key) if before is not None else None
            new = after.get(key) if after is not None else None
            yield from _leaves(old, new, f"{at}/{_escape(key)}")
    elif isinstance(whole, list) and whole and None in (before, after) and all(map(_is_taint, whole)):
        for item in whole:
            yield FieldChange(
                f"{at}/{_identity(item)}", None if before is None else item, None if after is None else item
            )
    elif before != after:
        yield FieldChange(at, before, after)


def _operation(path: str, before: Json, after: Json) -> Mapping[str, Json]:
    if after is None:
        return {"op": "remove", "path": path}
    return {"op": "add" if before is None else "replace", "path": path, "value": after}


def _test(path: str, value: Json) -> Mapping[str, Json]:
    return {"op": "test", "path": path, "value": value}


def _identifying(item: Json) -> tuple[str, ...]:
    """Return the keys by which an item of a list is known: its name, or a taint's key and effect."""
    if not isinstance(item, Mapping):
        return ()
    keys = ("name",) if "name" in item else ("key", "effect") if _is_taint(item) else ()
    return keys if all(isinstance(item[key], str) for key in keys) else ()


def _is_taint(item: Json) -> bool:
    """Tell a taint by its fields. Tolerations have a key and an effect too, and are not told apart by them."""
    return isinstance(item, Mapping) and {"key", "effect"} <= item.keys() <= {"key", "effect", "value", "timeAdded"}


def _identity(item: Json) -> str | None:
    """Return the stable name of an item of a list, None where it has none."""
    keys = _identifying(item)
    return f"[{','.join(f'{key}={_escape(item[key])}' for key in keys)}]" if keys else None


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")
