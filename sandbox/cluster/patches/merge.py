"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jsonpatch
import jsonpointer

from sandbox.cluster.status import bad_request, rejected


def merge_patch(found: Any, patch: Any) -> Any:
    """Return `found` with `patch` merged in; null removes. Neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(found) if isinstance(found, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(found: Any, operations: Any) -> Any:
    """Return `found` with the operations applied.

    Raises StatusError 400 for what is no JSON patch, and 422 where an operation doesn't apply or a `test` fails.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    try:
        return _AsTheApiServer(operations).apply(found)
    except (jsonpatch.InvalidJsonPatch, jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError):
        raise rejected() from None


class _TestAsTheApiServer(jsonpatch.TestOperation):
    """A test for null is passed by an absent key of a mapping (evanphx/json-patch; seen on 1.20)."""

    def apply(self, obj: Any) -> Any:
        if "value" in self.operation and self.operation["value"] is None:
            parent, key = self.pointer.to_last(obj)
            if isinstance(parent, Mapping) and key not in parent:
                return obj
        return super().apply(obj)


class _AsTheApiServer(jsonpatch.JsonPatch):
    operations = MappingProxyType({**jsonpatch.JsonPatch.operations, "test": _TestAsTheApiServer})
