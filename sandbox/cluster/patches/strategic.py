"""Strategic merge patch: like a merge patch, except that lists with a merge key are merged element by element.

Directives are those of apimachinery's strategicpatch: `$patch` (replace, delete, merge), `$retainKeys`,
`$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.patches.merge_keys import MERGE_KEYS, MERGED_VALUES, REPLACED_OBJECTS
from sandbox.cluster.patches.ordering import in_order
from sandbox.cluster.schema import element_of, fields_of, is_model
from sandbox.cluster.status import StatusError, bad_request

_ORDER = "$setElementOrder/"
_DELETE_VALUES = "$deleteFromPrimitiveList/"
_NOTHING = object()


def strategic_patch(model: str, found: Any, patch: Any) -> Any:
    """Return `found`, an object of `model`, with `patch` merged in. Neither is changed. Raises StatusError."""
    if not isinstance(patch, Mapping):
        raise bad_request("error decoding patch: a strategic merge patch is a JSON object")
    return _merge_object(model, found, patch)


def _merge_object(model: str | None, found: Any, patch: Mapping[str, Any]) -> Any:
    match patch.get("$patch"):
        case "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        case "delete":
            return {}
        case None | "merge":
            pass
        case other:
            raise bad_request(f"unknown patch type found: {other}")
    result = dict(found) if isinstance(found, Mapping) else {}
    if "$retainKeys" in patch:
        kept = patch["$retainKeys"]
        result = {key: value for key, value in result.items() if key in kept}
    fields = fields_of(model) if model and is_model(model) else {}
    for key, value in patch.items():
        if key.startswith(_DELETE_VALUES):
            name = key.removeprefix(_DELETE_VALUES)
            result[name] = [item for item in result.get(name) or () if item not in value]
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        type_ = fields[key].type if key in fields else None
        if value is None:
            result.pop(key, None)
        elif type(result.get(key)) is not type(value):
            # Nothing of that form to merge with: the patch's value is taken, and a directive in it is dropped with
            # the object that it stands in (strategicpatch, removeDirectives).
            if (fresh := _fresh(value)) is _NOTHING:
                result.pop(key, None)
            else:
                result[key] = fresh
        elif isinstance(value, Mapping) and (model, key) not in REPLACED_OBJECTS:
            result[key] = _merge_object(_object_type(type_), result[key], value)
        elif isinstance(value, list):
            result[key] = _merge_list(model, key, type_, result[key], value)
        else:
            result[key] = value
    for key, order in patch.items():
        name = key.removeprefix(_ORDER)
        if key.startswith(_ORDER) and isinstance(result.get(name), list):
            before = found.get(name) if isinstance(found, Mapping) else None
            result[name] = in_order(result[name], order, before or [], MERGE_KEYS.get((model or "", name)))
    return result


def _fresh(value: Any) -> Any:
    """Return a value that has nothing to be merged with, or _NOTHING where it is only a directive."""
    if isinstance(value, Mapping):
        if "$patch" in value:
            return _NOTHING
        parts = {key: _fresh(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in parts.items() if item is not _NOTHING}
    if isinstance(value, list):
        return [item for item in map(_fresh, value) if item is not _NOTHING]
    return value


def _object_type(type_: str | None) -> str | None:
    if type_ is None or element_of(type_):
        return None
    return type_


def _merge_list(model: str | None, field: str, type_: str | None, found: Any, patch: list[Any]) -> list[Any]:
    place = (model or "", field)
    current = list(found) if isinstance(found, list) else []
    if place in MERGED_VALUES:
        return in_order(current + [item for item in patch if item not in current], patch, current, None)
    key = MERGE_KEYS.get(place)
    if key is None:
        return [item for item in patch if not (isinstance(item, Mapping) and "$patch" in item)]
    if any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    before = list(current)
    element = element_of(type_ or "")
    element_model = element[1] if element else None
    for item in patch:
        if not isinstance(item, Mapping) or key not in item:
            raise _no_key(item, key)
        index = next((i for i, other in enumerate(current) if other.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            current = [other for other in current if other.get(key) != item[key]]
        elif index is None:
            # Through the merge, so that nulls and directives in a new element don't become content.
            current.append(_merge_object(element_model, {}, item))
        else:
            current[index] = _merge_object(element_model, current[index], item)
    return in_order(current, [item for item in patch if item.get("$patch") != "delete"], before, key)


def _no_key(item: Any, key: str) -> StatusError:
    return StatusError(500, "", f"map: {item} does not contain declared merge key: {key}", details={})
