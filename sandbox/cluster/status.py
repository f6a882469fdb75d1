"""Refusals of the API server: an HTTP code and a `Status` object with the reason that clients decide by.

Codes, reasons and wording follow Kubernetes (apimachinery, pkg/api/errors).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countersign.errors import CountersignError
from sandbox.cluster.kinds import Kind

_NOTHING = Kind(group="", version="", plural="", kind="", model="")


class StatusError(CountersignError):
    """The API server refuses a request."""

    code = "sandbox_status"

    def __init__(
        self,
        http_code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.http_code = http_code
        self.reason = reason
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The `Status` object."""
        found: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        }  # fmt: skip
        if self.reason:
            found["reason"] = self.reason
        if self.details:
            found["details"] = self.details
        return {**found, "code": self.http_code}


@dataclass(frozen=True)
class Cause:
    """One field that is wrong."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    @property
    def text(self) -> str:
        """As it stands in the error's message."""
        return f"{self.field}: {self.message}"


def invalid_value(field: str, value: Any, why: str) -> Cause:
    """A field whose value cannot be."""
    shown = f'"{value}"' if isinstance(value, str) else value
    return Cause(field, f"Invalid value: {shown}: {why}")


def required(field: str, why: str = "") -> Cause:
    """A field that is missing."""
    return Cause(field, "Required value" + (f": {why}" if why else ""), "FieldValueRequired")


def forbidden_change(field: str, why: str) -> Cause:
    """A field that must not be changed."""
    return Cause(field, f"Forbidden: {why}", "FieldValueForbidden")


def success(kind: Kind, name: str, uid: str) -> dict[str, Any]:
    """The `Status` that answers a finished delete."""
    details = {"name": name, "kind": kind.plural, "uid": uid}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(kind: Kind, name: str) -> dict[str, Any]:
    details = {"name": name, "kind": kind.plural}
    return {**details, "group": kind.group} if kind.group else details


def not_found(kind: Kind, name: str) -> StatusError:
    """404: no object has that name."""
    return StatusError(404, "NotFound", f'{kind.resource} "{name}" not found', details=_details(kind, name))


def no_such_path() -> StatusError:
    """404: nothing is served there."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> StatusError:
    """409: the name is taken."""
    return StatusError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', details=_details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> StatusError:
    """409: the object is not what the request was made for."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, details=_details(kind, name))


def modified(kind: Kind, name: str) -> StatusError:
    """409: the resourceVersion is an older one."""
    return conflict(
        kind, name, "the object has been modified; please apply your changes to the latest version and try again"
    )


def wrong_uid(kind: Kind, name: str, *, wanted: str, found: str) -> StatusError:
    """409: another object has the name."""
    return conflict(kind, name, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}")


def precondition(kind: Kind, name: str, field: str, *, wanted: str, found: str) -> StatusError:
    """409: a deletion was meant for another object, or another state of it (registry/rest/delete.go)."""
    meant = {"UID": "have been deleted and then recreated", "ResourceVersion": "have been modified"}[field]
    why = f"the {field} in the precondition ({wanted}) does not match the {field} in record ({found})"
    message = f'Operation cannot be fulfilled on {kind.qualified_kind} "{name}": {why}. The object might {meant}'
    return StatusError(409, "Conflict", message, details={**_details(kind, name), "kind": kind.kind})


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> StatusError:
    """422: fields of the object are wrong."""
    texts = [cause.text for cause in causes]
    why = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = _details(kind, name) | {
        "kind": kind.kind,
        "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes],
    }
    return StatusError(422, "Invalid", f'{kind.qualified_kind} "{name}" is invalid: {why}', details=details)


def invalid_patch(shown: str, why: str) -> StatusError:
    """422: what a patch makes of the object is none of its kind."""
    return invalid(_NOTHING, "", [Cause("patch", f"Invalid value: {json.dumps(shown)}: {why}")])


def bad_request(message: str) -> StatusError:
    """400: the request cannot be read."""
    return StatusError(400, "BadRequest", message)


def rejected() -> StatusError:
    """422: a JSON patch that does not apply, a failed `test` among them."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def forbidden(kind: Kind, name: str, why: str, *, causes: Sequence[Cause] = ()) -> StatusError:
    """403: not allowed."""
    details = _details(kind, name)
    if causes:
        details["causes"] = [{"reason": cause.reason, "message": cause.message} for cause in causes]
    return StatusError(403, "Forbidden", f'{kind.resource} "{name}" is forbidden: {why}', details=details)


def unauthorized() -> StatusError:
    """401: no token, or a wrong one."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> StatusError:
    """405: the resource has no such verb."""
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details={}
    )


def not_acceptable() -> StatusError:
    """406: the client wants a form of answer that isn't spoken here."""
    return StatusError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
    )


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """415: the body's content type cannot be read."""
    return StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted),
    )


def gone(wanted: str) -> StatusError:
    """410: changes since that resourceVersion are no longer kept."""
    return StatusError(410, "Expired", f"too old resource version: {wanted}")


def too_many_requests(message: str, *, retry_after: int | None, causes: Sequence[Cause] = ()) -> StatusError:
    """429: later, perhaps."""
    details: dict[str, Any] = {}
    if causes:
        details["causes"] = [{"reason": cause.reason, "message": cause.message} for cause in causes]
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return StatusError(429, "TooManyRequests", message, details=details, headers=headers)
