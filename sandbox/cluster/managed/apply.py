"""Server-side apply: a configuration is merged in, what it no longer names goes, what others own is a conflict."""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.managed.entries import APPLY, Entries, Entry, Manager, read, write
from sandbox.cluster.managed.fieldsets import (
    FieldSet,
    Path,
    Place,
    children,
    compare,
    element_key,
    fields_in,
    shown,
)
from sandbox.cluster.schema import element_of, fields_of, is_model
from sandbox.cluster.status import StatusError


def merged(model: str, before: Mapping[str, Any], config: Mapping[str, Any], manager: Manager) -> dict[str, Any]:
    """Return `before` with the configuration merged in and without what only its last version named."""
    place = Place(model or "object")
    result = _merge(place, before, config)
    entries = read(before.get("metadata") or {})
    last = entries.pop(manager, None)
    if last is not None:
        owned = set(fields_in(model, config)).union(*(entry.fields for entry in entries.values()))
        dropped = last.fields - owned
        prefixes = {path[:length] for path in owned for length in range(1, len(path) + 1)}
        for path in sorted({_top(path, prefixes) for path in dropped}):
            result = _without(place, result, path)
    return dict(result)


def entries_after(
    model: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    config: Mapping[str, Any],
    manager: Manager,
    *,
    time: str,
    force: bool,
) -> list[dict[str, Any]]:
    """Return managedFields after an apply. Raises StatusError 409 where others own what it changes."""
    entries: Entries = read(before.get("metadata") or {})
    known = entries.pop(manager, None)
    difference = compare(model, before, after)
    named = fields_in(model, config)
    taken = difference.set & (named | {path for path in difference.set if path[:-1] in named})
    conflicts = {each: entry.fields & taken for each, entry in entries.items()}
    conflicts = {each: fields for each, fields in conflicts.items() if fields}
    if conflicts and not force:
        raise _conflict(conflicts)
    for each in list(entries):
        entries[each].fields -= conflicts.get(each, set()) | difference.removed
    if not difference.set and not difference.removed:
        # Only who owns what changes, which is not a moment that is kept.
        time = known.time if known else ""
    kept = {each: entry for each, entry in entries.items() if entry.fields}
    if named:
        kept[manager] = Entry(named, time)
    return write(kept)


def applier(name: str, api_version: str, subresource: str = "") -> Manager:
    """Return the manager that applies under this name."""
    return Manager(APPLY, name, api_version, subresource)


def _merge(place: Place, found: Any, config: Any) -> Any:
    if isinstance(config, Mapping) and isinstance(found, Mapping) and not place.whole:
        result = dict(found)
        for key, value in config.items():
            result[key] = _merge(place.within(key), result.get(key), value) if key in result else value
        return result
    if isinstance(config, list) and isinstance(found, list) and (place.keys or place.is_set):
        return _merge_list(place, found, config)
    return config


def _merge_list(place: Place, found: list[Any], config: list[Any]) -> list[Any]:
    if place.is_set:
        return [*found, *(item for item in config if item not in found)]
    result = list(found)
    index = {element_key(place, item): at for at, item in reversed(list(enumerate(found)))}
    for item in config:
        at = index.get(element_key(place, item))
        if at is None:
            result.append(item)
        else:
            result[at] = _merge(place.element, result[at], item)
    return result


def _top(path: Path, owned: FieldSet) -> Path:
    """Return the outermost part around a dropped field that nobody owns anything of."""
    for length in range(1, len(path)):
        if path[:length] not in owned:
            return path[:length]
    return path


def _without(place: Place, value: Any, path: Path) -> Any:
    parts = children(place, value)
    if not parts or path[0] not in parts:
        return value
    inner, item = parts[path[0]]
    if len(path) > 1:
        item = _without(inner, item, path[1:])
        if isinstance(value, Mapping):
            return {**value, path[0][2:]: item}
        return [item if element_key(place, each) == path[0] else each for each in value]
    if isinstance(value, Mapping):
        return {key: each for key, each in value.items() if f"f:{key}" != path[0]}
    if place.is_set:
        return [each for each in value if each != item]
    return [each for each in value if element_key(place, each) != path[0]]


def _conflict(conflicts: Mapping[Manager, FieldSet]) -> StatusError:
    causes, texts = [], []
    total = sum(len(fields) for fields in conflicts.values())
    for manager in sorted(conflicts):
        name = _named(manager)
        paths = [shown(path) for path in sorted(conflicts[manager])]
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {name}", "field": path} for path in paths
        ]
        texts += [f"conflict with {name}: {paths[0]}"] if total == 1 else [
            f"conflicts with {name}:", *(f"- {path}" for path in paths)]  # fmt: skip
    count = "1 conflict" if total == 1 else f"{total} conflicts"
    message = f"Apply failed with {count}: " + "\n".join(texts)
    return StatusError(409, "Conflict", message, details={"causes": causes})


def _named(manager: Manager) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return text + (f" using {manager.api_version}" if manager.operation != APPLY else "")


def undeclared(model: str, config: Mapping[str, Any]) -> str | None:
    """Return the first field of a configuration that its kind doesn't have, as apply writes it."""
    return _undeclared(Place(model), config, "") if model else None


def _undeclared(place: Place, value: Any, at: str) -> str | None:
    if isinstance(value, Mapping):
        known = fields_of(place.type) if is_model(place.type) else None
        for key, item in value.items():
            if known is not None and key not in known:
                return f"{at}.{key}"
            if inner := _undeclared(place.within(key), item, f"{at}.{key}"):
                return inner
    elif isinstance(value, list) and element_of(place.type):
        for index, item in enumerate(value):
            key = element_key(place, item)
            part = shown((key,)) if key else f"[{index}]"
            if inner := _undeclared(place.element, item, f"{at}{part}"):
                return inner
    return None
