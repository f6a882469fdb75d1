"""Kinds that CustomResourceDefinitions bring: as they stand in the store, read by their own schemas."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.decoding import Reader
from sandbox.cluster.kinds import Kind, stored_or_none
from sandbox.cluster.status import Cause, invalid_value, required
from sandbox.cluster.store import Store, now

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_KEPT = "x-kubernetes-preserve-unknown-fields"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,),
}  # fmt: skip
_SAID = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def custom_kinds(store: Store) -> Iterator[Kind]:
    """Yield the kinds that are defined in the store, each in every served version, the stored one first."""
    for definition in store.list(DEFINITIONS):
        spec = definition["spec"]
        for version in sorted(spec["versions"], key=lambda each: not each.get("storage")):
            if version.get("served"):
                yield _kind(spec, version)


def _kind(spec: Mapping[str, Any], version: Mapping[str, Any]) -> Kind:
    names = spec["names"]
    return Kind(
        group=spec["group"], version=version["name"], plural=names["plural"], kind=names["kind"], model="",
        namespaced=spec["scope"] == "Namespaced", short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()), subresources=tuple(version.get("subresources") or ()),
        generation=True, schema=(version.get("schema") or {}).get("openAPIV3Schema") or {_KEPT: True},
    )  # fmt: skip


def kind_in(store: Store, resource: str) -> Kind:
    """Return the stored version of a resource, be it built in or defined."""
    found = stored_or_none(resource) or next(
        (each for each in custom_kinds(store) if each.resource == resource), None
    )
    if found is None:
        raise KeyError(resource)
    return found


def define(definition: dict[str, Any]) -> None:
    """Complete a new definition, in place; its names are always free here."""
    spec = definition["spec"]
    names = spec["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": text, "lastTransitionTime": now()}
        for kind, reason, text in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    kept = [version["name"] for version in spec["versions"] if version.get("storage")]
    definition["status"] = {"conditions": conditions, "acceptedNames": dict(names), "storedVersions": kept}


def read_custom(kind: Kind, body: Any) -> tuple[dict[str, Any], list[str]]:
    """Return an object without what its schema doesn't know, defaults filled in, and the paths that went.

    Raises WrongType where its metadata cannot be read.
    """
    unknown: list[str] = []
    sent = copy.deepcopy(body)
    reader = Reader()
    metadata = reader.read("V1ObjectMeta", sent.pop("metadata", None) or {})
    unknown += [f"metadata.{path}" for path in reader.unknown]
    head = {key: sent.pop(key) for key in ("apiVersion", "kind") if key in sent}
    return {**head, "metadata": metadata, **_pruned(kind.schema or {}, sent, "", unknown)}, unknown


def _pruned(schema: Mapping[str, Any], value: Any, at: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items") or {_KEPT: True}
        return [_pruned(items, item, f"{at}[{index}]", unknown) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    found: dict[str, Any] = {}
    for key, item in value.items():
        path = f"{at}.{key}" if at else key
        if key in known:
            if item is not None or known[key].get("nullable"):
                found[key] = _pruned(known[key], item, path, unknown)
        elif isinstance(others, Mapping):
            found[key] = _pruned(others, item, path, unknown)
        elif others or schema.get(_KEPT):
            found[key] = item
        else:
            unknown.append(path)
    for key, inner in known.items():
        if "default" in inner and key not in found:
            found[key] = copy.deepcopy(inner["default"])
    return found


def custom_problems(schema: Mapping[str, Any], value: Any, at: str = "") -> Iterator[Cause]:
    """Yield where an object differs from its schema: types, required fields, enumerations, bounds."""
    wanted = schema.get("type")
    fits = _TYPES.get(wanted or "", (object,))
    if schema.get("x-kubernetes-int-or-string"):
        fits = (int, str)
    if not isinstance(value, fits) or (isinstance(value, bool) and wanted in ("integer", "number")):
        said = _SAID.get(type(value), "null")
        yield invalid_value(at, said, f'{at} in body must be of type {wanted}: "{said}"')
        return
    if value not in schema.get("enum", [value]):
        supported = ", ".join(f'"{each}"' for each in schema["enum"])
        why = f'Unsupported value: "{value}": supported values: {supported}'
        yield Cause(at, why, "FieldValueNotSupported")
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        yield invalid_value(at, value, f"{at} in body should be greater than or equal to {schema['minimum']}")
    if isinstance(value, int | float) and value > schema.get("maximum", value):
        yield invalid_value(at, value, f"{at} in body should be less than or equal to {schema['maximum']}")
    if isinstance(value, dict):
        for key in schema.get("required") or ():
            if key not in value:
                yield required(f"{at}.{key}" if at else key)
        for key, inner in (schema.get("properties") or {}).items():
            if key in value and key not in ("metadata", "kind", "apiVersion"):
                yield from custom_problems(inner, value[key], f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from custom_problems(schema.get("items") or {}, item, f"{at}[{index}]")
