"""Pure: which fields an operation may change, and to which values, as far as its own text says them.

A JSON patch is taken apart into the leaves that it sets and removes; each has to be one that the operation names.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from countersign.actions.operation import (
    KubernetesOperation,
    MetadataParameters,
    PatchParameters,
    PatchType,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    TaintParameters,
    Verb,
)
from countersign.targets.kubernetes.plan_template import RESTARTED_AT

_TEMPLATES = {"Pod": "", "CronJob": "/spec/jobTemplate/spec/template"}
_MOST_OPERATIONS = 10_000


@dataclass(frozen=True)
class _Edit:
    """One value that a patch sets or removes."""

    at: tuple[str, ...]
    """The pointer's parts."""
    value: Any
    """None: removed."""
    before: Any
    """What the patch tests to be there, None where it tests nothing."""
    container: str | None
    """Name of the container that the pointer leads through, as the patch tests it."""


def may_change(operation: KubernetesOperation, kind: str, body: Any) -> bool:
    """Tell whether a JSON patch changes nothing but what `operation` names."""
    template = tuple(_TEMPLATES.get(kind, "/spec/template").strip("/").split("/")) if kind != "Pod" else ()
    try:
        found = list(_edits(body, template))
    except (TypeError, KeyError, ValueError, AttributeError):
        return False
    return bool(found) and all(_named(operation, template, edit) for edit in found)


def _edits(body: Any, template: tuple[str, ...]) -> Iterator[_Edit]:
    if not isinstance(body, list) or len(body) > _MOST_OPERATIONS:
        raise ValueError("not a JSON patch")
    tested = {each["path"]: each["value"] for each in body if each["op"] == "test"}
    for each in body:
        if each["op"] == "test":
            continue
        if each["op"] not in ("add", "replace", "remove") or not each["path"].startswith("/"):
            raise ValueError("an operation that no plan has")
        path = each["path"]
        parts = tuple(_unescape(part) for part in path.split("/")[1:])
        container = _container(parts, path, tested, template)
        before = tested.get(path)
        if each["op"] == "remove":
            yield _Edit(parts, None, before, container)
        else:
            yield from _leaves(parts, each["value"], before, container)


def _leaves(at: tuple[str, ...], value: Any, before: Any, container: str | None) -> Iterator[_Edit]:
    if isinstance(value, Mapping) and value and not at[-1].isdigit():
        for key, item in value.items():
            old = before.get(key) if isinstance(before, Mapping) else None
            yield from _leaves((*at, key), item, old, container)
    else:
        yield _Edit(at, value, before, container)


def _container(parts: tuple[str, ...], path: str, tested: Mapping[str, Any], template: tuple[str, ...]) -> str | None:
    depth = len(template) + 3
    own = (*template, "spec")
    if len(parts) <= depth - 1 or parts[: len(own)] != own or parts[len(own)] not in ("containers", "initContainers"):
        return None
    prefix = "/".join(path.split("/")[: depth + 1])
    name = tested.get(f"{prefix}/name")
    return name if isinstance(name, str) else None


def _named(operation: KubernetesOperation, template: tuple[str, ...], edit: _Edit) -> bool:
    parameters = operation.parameters
    match operation.verb:
        case Verb.RESTART:
            return edit.at == (*template, "metadata", "annotations", RESTARTED_AT) and isinstance(edit.value, str)
        case Verb.PAUSE:
            return edit.at == ("spec", "paused") and edit.value is True
        case Verb.RESUME:
            return edit.at == ("spec", "paused") and edit.value is None
        case Verb.CORDON | Verb.DRAIN:
            return edit.at == ("spec", "unschedulable") and edit.value is True
        case Verb.UNCORDON:
            return edit.at == ("spec", "unschedulable") and edit.value is None
        case Verb.SCALE:
            assert isinstance(parameters, ScaleParameters)
            return edit.at == ("spec", "replicas") and edit.value == parameters.replicas
        case Verb.UNDO:
            return edit.at[: len(template)] == template or edit.at[:2] == ("metadata", "annotations")
        case Verb.ANNOTATE | Verb.LABEL:
            assert isinstance(parameters, MetadataParameters)
            section = "annotations" if operation.verb is Verb.ANNOTATE else "labels"
            return edit.at[:2] == ("metadata", section) and _entry(edit, parameters)
        case Verb.SET_IMAGE:
            assert isinstance(parameters, SetImageParameters)
            return edit.at[-1] == "image" and _in_container(edit, template) and _image(edit, parameters)
        case Verb.SET_ENV:
            assert isinstance(parameters, SetEnvParameters)
            return _in_container(edit, template) and _matches(parameters.containers, edit) and _env(edit, parameters)
        case Verb.SET_RESOURCES:
            assert isinstance(parameters, SetResourcesParameters)
            inside = _in_container(edit, template) and _matches(parameters.containers, edit)
            return inside and _amount(edit, parameters)
        case Verb.TAINT:
            assert isinstance(parameters, TaintParameters)
            return edit.at[:2] == ("spec", "taints") and _taint(edit, parameters)
        case Verb.PATCH:
            assert isinstance(parameters, PatchParameters)
            return _patched(edit, parameters)
        case _:
            return False


def _entry(edit: _Edit, parameters: MetadataParameters) -> bool:
    removed = set(parameters.remove)
    if len(edit.at) == 2:
        # The last entries go with the whole section.
        return edit.value is None and isinstance(edit.before, Mapping) and edit.before.keys() <= removed
    key = edit.at[2]
    if edit.value is None:
        return len(edit.at) == 3 and key in removed
    return len(edit.at) == 3 and dict(parameters.set).get(key) == edit.value


def _in_container(edit: _Edit, template: tuple[str, ...]) -> bool:
    return edit.container is not None and len(edit.at) > len(template) + 3


def _matches(pattern: str, edit: _Edit) -> bool:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    return edit.container is not None and re.fullmatch(expression, edit.container) is not None


def _image(edit: _Edit, parameters: SetImageParameters) -> bool:
    return any(edit.value == image and _matches(name, edit) for name, image in parameters.images)


def _env(edit: _Edit, parameters: SetEnvParameters) -> bool:
    if "env" not in edit.at:
        return False
    inside = edit.at[edit.at.index("env") + 1 :]
    wanted, removed = dict(parameters.set), set(parameters.remove)
    if not inside:
        before = edit.before if isinstance(edit.before, list) else []
        after = edit.value if isinstance(edit.value, list) else [edit.value] if edit.value is not None else []
        kept = all(item in after or item.get("name") in removed | wanted.keys() for item in before)
        return kept and all(item in before or _variable(item, wanted) for item in after)
    if len(inside) == 1 and isinstance(edit.value, Mapping):
        return _variable(edit.value, wanted)
    if len(inside) == 1 and edit.value is None:
        return isinstance(edit.before, Mapping) and edit.before.get("name") in removed | wanted.keys()
    # A variable that keeps its place: its value changes, or where it came from goes.
    return (
        len(inside) == 2
        and inside[1] in ("value", "valueFrom")
        and (edit.value is None or edit.value in wanted.values())
    )


def _variable(item: Any, wanted: Mapping[str, str]) -> bool:
    return (
        isinstance(item, Mapping)
        and item.keys() <= {"name", "value"}
        and (wanted.get(str(item.get("name"))) == item.get("value", ""))
    )


def _amount(edit: _Edit, parameters: SetResourcesParameters) -> bool:
    inside = edit.at[edit.at.index("resources") + 1 :] if "resources" in edit.at else ()
    if len(inside) != 2:
        return False
    given = {"limits": dict(parameters.limits), "requests": dict(parameters.requests)}.get(inside[0], {})
    return edit.value is not None and given.get(inside[1]) == edit.value


def _taint(edit: _Edit, parameters: TaintParameters) -> bool:
    wanted = [
        {"key": each.key, "effect": each.effect.value, **({"value": each.value} if each.value else {})}
        for each in parameters.set
    ]

    def goes(item: Any) -> bool:
        key, effect = item.get("key"), item.get("effect")
        named = any(key == removed and at in (None, effect) for removed, at in parameters.remove)
        return named or any((key, effect) == (each["key"], each["effect"]) for each in wanted)

    if len(edit.at) == 2:
        before = edit.before if isinstance(edit.before, list) else []
        after = edit.value if isinstance(edit.value, list) else [edit.value] if edit.value is not None else []
        added = all(item in before or item in wanted for item in after)
        return added and all(item in after or goes(item) for item in before)
    if len(edit.at) == 3:
        return (
            edit.value in wanted if edit.value is not None else isinstance(edit.before, Mapping) and goes(edit.before)
        )
    # Overwritten in its place: only its value, or when it was added.
    values = {each.get("value") for each in wanted}
    return len(edit.at) == 4 and edit.at[3] in ("value", "timeAdded") and (edit.value is None or edit.value in values)


def _patched(edit: _Edit, parameters: PatchParameters) -> bool:
    """Tell whether the patch names the field, something in it, or something that it is in.

    Places in lists are left out of the comparison: the patch may name an item by its key.
    """
    at = _without_places(edit.at)
    return any(at[: len(named)] == named[: len(at)] for named in _paths(parameters))


def _paths(parameters: PatchParameters) -> Iterator[tuple[str, ...]]:
    patch = json.loads(parameters.patch)
    if parameters.type is PatchType.JSON:
        for each in patch:
            for key in ("path", "from"):
                if each.get("op") != "test" and isinstance(each.get(key), str):
                    yield _without_places(tuple(_unescape(part) for part in each[key].split("/")[1:]))
        return
    yield from _walked(patch, ())


def _walked(value: Any, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        found = [(key, item) for key, item in value.items() if not key.startswith("$")]
        if len(found) < len(value) or not found:
            yield at
        for key, item in found:
            yield from _walked(item, (*at, key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            yield from _walked(item, at)
    else:
        yield at


def _without_places(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in parts if not part.isdigit() and part != "-")


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
