"""Pure: the HTTP requests that may change a cluster, as they are sent and as a dry run.

A step's request is data (`Step.request`). `real` makes the request that has the effect. `dry` makes the one of which
a real API server stores nothing, and knows no other way to build one: where the server looks for `dryRun` differs by
method.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, assert_never

from countersign.errors import PermanentTargetError

FIELD_MANAGER: Final = "countersign"
_ALL: Final = "All"


class Effect(StrEnum):
    """What a step does to its object; Step.request["effect"]."""

    CHANGE = "change"
    DELETE = "delete"
    EVICT = "evict"
    CREATE = "create"
    WAIT_GONE = "wait_gone"


@dataclass(frozen=True)
class HttpRequest:
    """One request to the API server."""

    method: str
    path: str
    body: Any
    content_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)


def real(request: Mapping[str, Any]) -> HttpRequest:
    """Return the request with the effect. Raises PermanentTargetError for a step that sends none."""
    match Effect(request["effect"]):
        case Effect.CHANGE:
            return HttpRequest("PATCH", request["path"], request["body"], request["contentType"], _writing())
        case Effect.DELETE:
            return HttpRequest("DELETE", request["path"], request["body"])
        case Effect.EVICT:
            return HttpRequest("POST", request["path"], request["body"], query=_managed())
        case Effect.CREATE:
            return HttpRequest("POST", request["path"], request["body"], query=_writing())
        case Effect.WAIT_GONE:
            raise PermanentTargetError("a step that waits sends no request")
        case other:
            assert_never(other)


def dry(request: Mapping[str, Any]) -> HttpRequest | None:
    """Return the same request as a dry run, None for a step that sends none.

    PATCH and POST: the query is where `dryRun` is read (apiserver, endpoints/handlers/patch.go, create.go). DELETE:
    the query is read only where there is no body, so it goes into the DeleteOptions (handlers/delete.go). Eviction:
    either place counts, and they must agree (registry/core/pod/storage/eviction.go, propagateDryRun).
    """
    match Effect(request["effect"]):
        case Effect.CHANGE:
            query = {**_writing(), "dryRun": _ALL}
            return HttpRequest("PATCH", request["path"], request["body"], request["contentType"], query)
        case Effect.DELETE:
            return HttpRequest("DELETE", request["path"], {**request["body"], "dryRun": [_ALL]})
        case Effect.EVICT:
            body = request["body"]
            options = {**(body.get("deleteOptions") or {}), "dryRun": [_ALL]}
            query = {**_managed(), "dryRun": _ALL}
            return HttpRequest("POST", request["path"], {**body, "deleteOptions": options}, query=query)
        case Effect.CREATE:
            return HttpRequest("POST", request["path"], request["body"], query={**_writing(), "dryRun": _ALL})
        case Effect.WAIT_GONE:
            return None
        case other:
            assert_never(other)


def change(path: str, body: Any, content_type: str) -> dict[str, Any]:
    """Return a change of fields as a step's request."""
    return {"effect": Effect.CHANGE.value, "method": "PATCH", "path": path, "contentType": content_type, "body": body}


def create(path: str, body: Any) -> dict[str, Any]:
    """Return the making of an object in the collection at `path` as a step's request."""
    return {"effect": Effect.CREATE.value, "method": "POST", "path": path, "body": body}


def _managed() -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER}


def _writing() -> dict[str, str]:
    # Servers before 1.25 do not know fieldValidation and ignore it.
    return {**_managed(), "fieldValidation": "Strict"}
