"""What answers of the API and their absence mean for an effect."""

import json
from typing import Any

import pytest
import urllib3

from countersign.errors import (
    AmbiguousTargetError,
    NotSent,
    PermanentTargetError,
    PreconditionFailed,
    TargetNotFound,
    TransientTargetError,
)
from countersign.targets.kubernetes.answers import (
    JSON_PATCH,
    date_in,
    error_of_exception,
    error_of_status,
    warnings_in,
)
from countersign.targets.kubernetes.believing import asked_of

ABOUT = asked_of("/apis/apps/v1/namespaces/prod/deployments/api")
STATUS = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
GONE = {**STATUS, "reason": "NotFound", "details": {"name": "api", "group": "apps", "kind": "deployments"}}


def answer(code: int, *, mutation: bool = True, content_type: str | None = None, **body: Any) -> Exception:
    headers = body.pop("headers", {})
    return error_of_status(
        code,
        json.dumps({**STATUS, **body}).encode(),
        headers,
        what="patch x",
        mutation=mutation,
        content_type=content_type,
        about=ABOUT,
    )


def foreign(status: int, body: bytes, *, mutation: bool) -> Exception:
    return error_of_status(status, body, {}, what="patch x", mutation=mutation, content_type=JSON_PATCH, about=ABOUT)


@pytest.mark.parametrize(
    ("found", "meaning"),
    [
        (answer(404, **GONE), TargetNotFound),
        (answer(401), PermanentTargetError),
        (answer(403), PermanentTargetError),
        (answer(409, reason="Conflict"), PreconditionFailed),
        (answer(409, reason="AlreadyExists"), PermanentTargetError),
        (answer(409, reason="Conflict", content_type=JSON_PATCH), TransientTargetError),
        (answer(422, content_type=JSON_PATCH, reason="Invalid", details={}), PreconditionFailed),
        (answer(422, content_type=JSON_PATCH, details={"causes": [{"field": "x"}]}), PermanentTargetError),
        (answer(422), PermanentTargetError),
        (answer(429), TransientTargetError),
        (answer(500), AmbiguousTargetError),
        (answer(503), AmbiguousTargetError),
        (answer(504), AmbiguousTargetError),
        (answer(500, mutation=False), TransientTargetError),
        (answer(400), PermanentTargetError),
        (answer(404, mutation=False), TransientTargetError),
    ],
)
def test_a_status_has_one_meaning(found: Exception, meaning: type[Exception]) -> None:
    assert type(found) is meaning


def test_warnings_are_read_from_their_headers() -> None:
    value = '299 - "unknown field \\"spec.replica\\"", 299 - "autoscaling/v2beta2 is deprecated"'
    assert warnings_in({"warning": value, "Content-Type": "x"}) == [
        'unknown field "spec.replica"',
        "autoscaling/v2beta2 is deprecated",
    ]


FOREIGN = [
    (404, b"<html><h1>404 Not Found</h1></html>"),
    (404, b'{"message":"no Route matched"}'),
    (404, b'{"code":404}'),
    (404, json.dumps({**GONE, "details": {"name": "web", "group": "apps", "kind": "deployments"}}).encode()),
    (404, json.dumps({**GONE, "details": {"name": "api", "kind": "services"}}).encode()),
    (404, json.dumps({**GONE, "status": "Success"}).encode()),
    (302, b""),
    (400, b"bad"),
    (409, b"[]"),
    (422, b'{"errors":[]}'),
]


@pytest.mark.parametrize(("status", "body"), FOREIGN)
def test_a_foreign_answer_says_nothing_of_the_cluster(status: int, body: bytes) -> None:
    assert type(foreign(status, body, mutation=True)) is AmbiguousTargetError
    assert type(foreign(status, body, mutation=False)) in (TransientTargetError, PermanentTargetError)


def test_a_foreign_not_found_is_never_gone() -> None:
    assert not any(isinstance(foreign(s, b, mutation=m), TargetNotFound) for s, b in FOREIGN for m in (True, False))


def test_retry_after_is_kept() -> None:
    found = answer(429, headers={"Retry-After": "7"})
    assert isinstance(found, TransientTargetError)
    assert found.retry_after == 7


def test_a_budget_is_asked_again_after_five_seconds() -> None:
    found = answer(429, details={"causes": [{"reason": "DisruptionBudget"}]})
    assert isinstance(found, TransientTargetError)
    assert found.retry_after == 5


def test_an_answer_that_is_not_json_keeps_its_status() -> None:
    found = error_of_status(502, b"<html>", {}, what="patch x", mutation=True, content_type=None, about=ABOUT)
    assert "502" in str(found)


@pytest.mark.parametrize(
    ("error", "mutation", "meaning"),
    [
        (urllib3.exceptions.NewConnectionError(None, "refused"), True, NotSent),  # type: ignore[arg-type]
        (urllib3.exceptions.ConnectTimeoutError(None, ""), True, NotSent),
        (urllib3.exceptions.ReadTimeoutError(None, "", ""), True, AmbiguousTargetError),  # type: ignore[arg-type]
        (urllib3.exceptions.ReadTimeoutError(None, "", ""), False, TransientTargetError),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("x", ConnectionResetError()), True, AmbiguousTargetError),
        (urllib3.exceptions.SSLError("unexpected eof"), True, AmbiguousTargetError),
    ],
)
def test_silence_is_ambiguous_unless_nothing_was_sent(
    error: Exception, mutation: bool, meaning: type[Exception]
) -> None:
    assert type(error_of_exception(error, what="patch x", mutation=mutation)) is meaning


@pytest.mark.parametrize("value", ["inf", "nan", "-5"])
def test_a_retry_after_that_nobody_can_wait_for_is_none(value: str) -> None:
    headers = {"Retry-After": value}
    error = error_of_status(429, b"{}", headers, what="patch", mutation=True, content_type=None, about=ABOUT)
    assert isinstance(error, TransientTargetError)
    assert error.retry_after is None


@pytest.mark.parametrize("value", ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_a_date_that_is_none_takes_no_answer_away(value: str) -> None:
    assert date_in({"Date": value}) is None
