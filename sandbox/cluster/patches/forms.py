"""The four forms of a PATCH's body, told apart by its content type."""

from collections.abc import Callable
from typing import Any

import yaml

from sandbox.cluster.custom import read_custom
from sandbox.cluster.kinds import Kind
from sandbox.cluster.managed.apply import undeclared
from sandbox.cluster.options import Options, Validation
from sandbox.cluster.patches.merge import json_patch, merge_patch
from sandbox.cluster.patches.strategic import strategic_patch
from sandbox.cluster.status import StatusError, bad_request, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_OPERATION = {"op", "path", "from", "value"}


def patcher(model: str, content_type: str, patch: Any) -> Callable[[dict[str, Any]], Any]:
    """Return what a patch does to an object of `model`; without a model, none is strategic. Raises StatusError."""
    if content_type not in (JSON_PATCH, MERGE_PATCH, *([STRATEGIC_PATCH] if model else [])):
        forms = [JSON_PATCH, MERGE_PATCH, *([STRATEGIC_PATCH] if model else []), APPLY_PATCH]
        raise unsupported_media_type(forms)
    if isinstance(patch, bytes) or patch is None:
        raise bad_request("error decoding patch: it is not JSON")
    match content_type:
        case "application/json-patch+json":
            return lambda item: json_patch(item, patch)
        case "application/merge-patch+json":
            if not isinstance(patch, dict):
                raise bad_request("error decoding patch: a merge patch is a JSON object")
            return lambda item: merge_patch(item, patch)
        case _:
            return lambda item: strategic_patch(model, item, patch)


def complaints_of(content_type: str, patch: Any, duplicates: tuple[str, ...]) -> tuple[str, ...]:
    """Return what strict decoding says about the patch itself (endpoints/handlers/patch.go, applyJSPatch)."""
    if content_type != JSON_PATCH:
        return duplicates
    operations = patch if isinstance(patch, list) else []
    unknown = [
        f'json patch unknown field "[{index}].{key}"'
        for index, operation in enumerate(operations)
        if isinstance(operation, dict)
        for key in operation
        if key not in _OPERATION
    ]
    return (*(f"json patch {each}" for each in duplicates), *unknown)


def refuse_twice(options: Options, duplicates: tuple[str, ...]) -> None:
    """Refuse an applied configuration that names a field twice, if validation is strict. Raises StatusError 400."""
    if duplicates and options.validation is Validation.STRICT:
        told = "".join(f"\n  {twice(each)}" for each in duplicates)
        raise bad_request(f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:{told}")


def twice(duplicate: str) -> str:
    """Return the complaint about a duplicate field as the reader of YAML makes it."""
    key = duplicate.rstrip('"').rpartition('"')[2].rpartition(".")[2]
    return f'line 1: key "{key}" already set in map'


def configuration(kind: Kind, raw: bytes) -> dict[str, Any]:
    """Return the object that an apply sends, as JSON or YAML. Raises StatusError for what cannot be applied."""
    try:
        found = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from None
    if not isinstance(found, dict):
        raise bad_request("error decoding YAML: json: cannot unmarshal into Go value of type map[string]interface {}")
    version, named = found.get("apiVersion", ""), found.get("kind", "")
    if (version, named) != (kind.api_version, kind.kind):
        raise bad_request(f"invalid object type: {version or '/'}, Kind={named}")
    if (found.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if field := _undeclared(kind, found):
        # Not a refusal that the server prepared for: apply's types know no other fields, whatever is validated.
        metadata = found.get("metadata") or {}
        place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        about = f"{place}; {kind.api_version}, Kind={kind.kind}"
        message = f"failed to create typed patch object ({about}): {field}: field not declared in schema"
        raise StatusError(500, "", message)
    return found


def _undeclared(kind: Kind, found: dict[str, Any]) -> str | None:
    if kind.schema is None:
        return undeclared(kind.model, found)
    _, unknown = read_custom(kind, found)
    return f".{unknown[0]}" if unknown else None


def go_text(value: Any) -> str:
    """Return a value as Go prints it, which is how a refused strategic patch is shown."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "<nil>" if value is None else str(value)
