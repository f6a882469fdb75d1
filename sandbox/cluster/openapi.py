"""/openapi/v3: schemas of every served kind, made from the official client's models, for `kubectl explain`."""

import re
from functools import cache
from typing import Any

from sandbox.cluster.kinds import Kind, groups
from sandbox.cluster.schema import description_of, element_of, fields_of, is_model

_REF = "#/components/schemas/"
_PREFIX = re.compile(r"^(Core)?V[12]")


def openapi(path: list[str]) -> dict[str, Any] | None:
    """Return the document below /openapi, or None. The older v2 document is not served."""
    if not path or path[0] != "v3":
        return None
    if len(path) == 1:
        places = ["api/v1" if not group else f"apis/{group}/{version}" for group, version, _ in groups()]
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}"} for place in places}}
    match path[1:]:
        case ["api", "v1"]:
            return _document("", "v1")
        case ["apis", group, version]:
            return _document(group, version)
    return None


@cache
def _document(group: str, version: str) -> dict[str, Any] | None:
    kinds = next((kinds for name, each, kinds in groups() if (name, each) == (group, version)), None)
    if kinds is None:
        return None
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in kinds:
        if kind.model:
            _add(kind.model, schemas)
            schemas[_name(kind.model)]["x-kubernetes-group-version-kind"] = [_identity(kind)]
            paths |= _paths(kind)
    return {
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.37.0"}, "paths": paths,
        "components": {"schemas": schemas},
    }  # fmt: skip


def _identity(kind: Kind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _paths(kind: Kind) -> dict[str, Any]:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else "/api/v1"
    base += "/namespaces/{namespace}" if kind.namespaced else ""
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    reply = {
        "200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": _REF + _name(kind.model)}}}}
    }
    operations = {
        method: {
            "parameters": parameters if method != "get" else [], "responses": reply,
            "x-kubernetes-action": method, "x-kubernetes-group-version-kind": _identity(kind),
        }
        for method in ("get", "put", "patch", "delete")
    }  # fmt: skip
    return {f"{base}/{kind.plural}/{{name}}": operations}


def _add(model: str, schemas: dict[str, Any]) -> None:
    if _name(model) in schemas:
        return
    described: dict[str, Any] = {"type": "object", "description": description_of(model), "properties": {}}
    schemas[_name(model)] = described
    for field in fields_of(model).values():
        described["properties"][field.name] = {
            **_type(field.type, schemas),
            "description": field.description or _about(field.type),
        }
    if needed := [field.name for field in fields_of(model).values() if field.required]:
        described["required"] = needed


def _name(model: str) -> str:
    """Return a schema's name; kubectl shows what follows the last point."""
    return f"sandbox.{model}.{_PREFIX.sub('', model)}"


def _about(type_: str) -> str:
    found = element_of(type_)
    return _about(found[1]) if found else description_of(type_) if is_model(type_) else ""


def _type(type_: str, schemas: dict[str, Any]) -> dict[str, Any]:
    if found := element_of(type_):
        form, element = found
        inner = _type(element, schemas)
        return {"type": "array", "items": inner} if form == "list" else {
            "type": "object", "additionalProperties": inner}  # fmt: skip
    if is_model(type_):
        _add(type_, schemas)
        return {"allOf": [{"$ref": _REF + _name(type_)}]}
    scalars = {"str": "string", "bytes": "string", "datetime": "string", "bool": "boolean", "int": "integer"}
    return {"type": scalars[type_]} if type_ in scalars else {}
