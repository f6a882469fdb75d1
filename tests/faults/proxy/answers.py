"""What the proxy answers instead of the truth: pure functions of the true answer, and answers of others' making."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from tests.targets.passing import Reply

OTHER_UID = "00000000-0000-4000-8000-000000000000"
_JSON, _HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}

Answer = Callable[[Reply, Any], Reply]
"""From the true answer, and the object as it was earlier, to what is answered."""


def _json(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), {**_JSON, **headers})


def _page(status: int, title: str, **headers: str) -> Reply:
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>gateway</body></html>"
    return Reply(status, text.encode(), {**_HTML, **headers})


def _status(code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> Reply:
    """A Status as the API machinery writes it (apimachinery, pkg/api/errors)."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    body |= {"message": message, "reason": reason, "code": code}
    return _json(code, body if details is None else {**body, "details": dict(details)})


FOREIGN_404: Mapping[str, Reply] = {
    "404 page": _page(404, "404 Not Found"),
    "404 no Route matched": _json(404, {"message": "no Route matched with those values"}),
    "404 code alone": _json(404, {"code": 404}),
    "404 of another object": _status(
        404, "NotFound", 'deployments.apps "bystander" not found', {"name": "bystander", "kind": "deployments"}
    ),
    "404 of no object": _status(404, "NotFound", "the server could not find the requested resource"),
}
FOREIGN_200: Mapping[str, Reply] = {
    "200 {}": _json(200, {}),
    "200 bare Status": _json(200, {"kind": "Status", "status": "Success"}),
    "200 []": _json(200, []),
    "200 null": _json(200, None),
    "200 a string": _json(200, "ok"),
    "200 login page": _page(200, "Please sign in"),
    "302 to a login": _page(302, "Found", Location="/oauth2/sign_in"),
}
REFUSED: Mapping[str, Reply] = {
    "401 gateway": _page(401, "401 Authorization Required"),
    "401 JSON": _json(401, {"message": "Unauthorized"}),
    "403 gateway": _json(403, {"message": "You cannot consume this service"}),
}
BUSY: Mapping[str, Reply] = {
    "429 with Retry-After": _json(429, {"message": "API rate limit exceeded"}, **{"Retry-After": "1"}),
    "429": _page(429, "429 Too Many Requests"),
}
BROKEN: Mapping[str, Reply] = {
    "500 Status": _status(500, "InternalError", "etcdserver: request timed out"),
    "502 page": _page(502, "502 Bad Gateway"),
    "503 page": _page(503, "503 Service Temporarily Unavailable"),
}
CONTRADICTED: Mapping[str, Reply] = {
    "409 Status": _status(409, "Conflict", "the object has been modified; please apply your changes to the latest"),
    "409 JSON": _json(409, {"message": "conflict"}),
    "422 Status with causes": _status(
        422,
        "Invalid",
        'Deployment.apps "shop" is invalid: spec: Invalid value',
        {"name": "shop", "causes": [{"reason": "FieldValueInvalid", "message": "Invalid value", "field": "spec"}]},
    ),
    "422 Status": _status(422, "Invalid", "the server rejected our request due to an error in our request"),
    "422 JSON": _json(422, {"message": "Unprocessable Entity"}),
}
RETRY_SECONDS = 1


def truth(true: Reply, older: Any) -> Reply:
    """Return what the API server answered."""
    return true


def half_as_promised(true: Reply, older: Any) -> Reply:
    """Return half of the body under the whole one's length."""
    return Reply(true.status, true.body[: len(true.body) // 2], true.headers, promised=len(true.body))


def half(true: Reply, older: Any) -> Reply:
    """Return half of the body under a length that fits."""
    return Reply(true.status, true.body[: len(true.body) // 2], true.headers)


def empty(true: Reply, older: Any) -> Reply:
    """Return the status and no body."""
    return Reply(true.status, b"", true.headers)


def as_a_page(true: Reply, older: Any) -> Reply:
    """Return the truth under another type."""
    return Reply(true.status, true.body, {**true.headers, "Content-Type": "text/html; charset=utf-8"})


def _edited(edit: Callable[[Any, Any], None]) -> Answer:
    """Return an answer that is the true one with another identity: of an object, a Status about one, or a list."""

    def answer(true: Reply, older: Any) -> Reply:
        body = deepcopy(json.loads(true.body))
        edit(body, body.setdefault("metadata", {}))
        return _json(200 if true.status == 404 else true.status, body)

    return answer


def _another_object(body: Any, metadata: Any) -> None:
    if body.get("kind") == "Status":
        body["details"] = {**body.get("details", {}), "name": "bystander", "uid": OTHER_UID}
    else:
        metadata |= {"name": "bystander", "uid": OTHER_UID}


def _another_namespace(body: Any, metadata: Any) -> None:
    if body.get("kind") == "Status":
        body["details"] = {**body.get("details", {}), "uid": OTHER_UID}
    else:
        metadata |= {"namespace": "elsewhere", "uid": OTHER_UID}


def _another_kind(body: Any, metadata: Any) -> None:
    if body.get("kind") == "Status":
        body["details"] = {**body.get("details", {}), "kind": "secrets"}
    elif "items" in body:
        body |= {"kind": "SecretList", "apiVersion": "v1", "items": []}
    else:
        body |= {"kind": "Secret", "apiVersion": "v1"}
        metadata["uid"] = OTHER_UID


def _another_uid(body: Any, metadata: Any) -> None:
    if body.get("kind") == "Status":
        body["details"] = {**body.get("details", {}), "uid": OTHER_UID}
    else:
        metadata["uid"] = OTHER_UID


def older_version(true: Reply, older: Any) -> Reply:
    """Return the object as it was before."""
    return _json(200, older)


SWAPPED: Mapping[str, Answer] = {
    "another object's": _edited(_another_object),
    "another namespace's": _edited(_another_namespace),
    "another kind's": _edited(_another_kind),
    "another uid's": _edited(_another_uid),
    "an older version": older_version,
}
