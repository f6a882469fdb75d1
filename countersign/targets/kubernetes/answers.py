"""What an answer of the Kubernetes API, or its absence, means for an effect: one error class per meaning.

The rules are conservative. An answer that the API machinery may give after the change was stored (500, 502,
503, 504) is ambiguous for a mutation and transient for a read.
"""

import json
import math
import re
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from kubernetes.client.exceptions import ApiException

from countersign.errors import (
    AmbiguousTargetError,
    NotSent,
    PermanentTargetError,
    PreconditionFailed,
    TargetError,
    TargetNotFound,
    TransientTargetError,
)
from countersign.targets.kubernetes.believing import Asked, is_status, says_gone

JSON_PATCH = "application/json-patch+json"
BUDGET_RETRY_SECONDS = 5.0
"""kubectl drain asks again after 5 s when a PodDisruptionBudget refuses an eviction."""
_MESSAGE_LIMIT = 600
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


def error_of_status(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    what: str,
    mutation: bool,
    content_type: str | None,
    about: Asked | None,
) -> TargetError:
    """Return the error that an HTTP answer outside 2xx stands for.

    `what` names the request for people ("patch Deployment prod/api"); `content_type` is the request's, `about` what
    its path names.
    """
    answer = _status_of(body)
    reason = str(answer.get("reason") or "")
    raw_details = answer.get("details")
    details: Mapping[str, Any] = raw_details if isinstance(raw_details, dict) else {}
    said = f"{answer['message']} (HTTP {status})" if answer.get("message") else f"HTTP {status}"
    text = f"{what}: {said}"[:_MESSAGE_LIMIT]
    if status == 404 and says_gone(about, answer):
        return TargetNotFound(text)
    if status in (401, 403):
        return PermanentTargetError(text, hint="check the credentials and the role of the cluster block")
    if status == 429:
        return TransientTargetError(text, retry_after=_retry_after(headers, details))
    # Which kinds are served was asked before, so what is not found is the object, and the answer names it.
    if status < 500 and (status == 404 or not is_status(answer)):
        return foreign(what, f"it says {said}", mutation=mutation)
    if status == 409:
        if reason == "AlreadyExists":
            return PermanentTargetError(text)
        if content_type == JSON_PATCH:
            # A JSON patch here carries no resourceVersion; its `test`s fail with 422. A conflict is the
            # server giving up after its own re-reads under contention: nothing was stored.
            return TransientTargetError(text)
        return PreconditionFailed(text)
    if status == 422:
        # A failing `test` of a JSON patch comes without causes; validation names the field in `causes`.
        if content_type == JSON_PATCH and not details.get("causes"):
            return PreconditionFailed(text)
        return PermanentTargetError(text)
    if status == 500 and "does not contain declared merge key" in text:
        # A strategic patch that cannot be applied (apimachinery, strategicpatch/errors.go); nothing was stored.
        return PermanentTargetError(text, hint="name the item that is meant: containers have a name")
    if status >= 500:
        if mutation:
            return AmbiguousTargetError(text)
        return TransientTargetError(text, retry_after=_retry_after(headers, details))
    return PermanentTargetError(text)


def warnings_in(headers: Mapping[str, str]) -> list[str]:
    """Return the texts of an answer's Warning headers: `299 - "unknown field \\"spec.replica\\""`."""
    return [
        match[1].replace('\\"', '"')[:_MESSAGE_LIMIT]
        for name, value in headers.items()
        if name.lower() == "warning"
        for match in _WARNING.finditer(value)
    ]


def date_in(headers: Mapping[str, str]) -> str | None:
    """Return when an answer was given, by its Date header; RFC 3339, UTC."""
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC).isoformat(timespec="seconds")
    except (KeyError, ValueError, OverflowError):
        return None


def foreign(what: str, why: str, *, mutation: bool) -> TargetError:
    """Return the error of an answer that is not the API server's about this object: it says nothing of either."""
    text = f"{what}: the answer is not the cluster's own about this object: {why}"
    if mutation:
        return AmbiguousTargetError(text)
    return TransientTargetError(text, hint="look at what stands between here and the API server")


def error_of_exception(error: Exception, *, what: str, mutation: bool) -> TargetError:
    """Return the error that a failure without an answer stands for: certainly not sent, or maybe sent."""
    name, before = _before_send(error)
    if before:
        return NotSent(f"{what}: {name}", hint="check the cluster's address and certificate")
    if mutation:
        return AmbiguousTargetError(f"{what}: no answer ({name})")
    return TransientTargetError(f"{what}: no answer ({name})")


def _before_send(error: Exception) -> tuple[str, bool]:
    """Name the failure without quoting the request, and say whether it came certainly before sending."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "the host name does not resolve (DNS)", True
        case urllib3.exceptions.NewConnectionError():
            refused = "refused" in str(error).lower()
            return ("connection refused" if refused else "the host cannot be reached"), True
        case urllib3.exceptions.ConnectTimeoutError():
            return "connect timeout", True
        case urllib3.exceptions.ReadTimeoutError() | urllib3.exceptions.TimeoutError():
            return "read timeout", False
        case urllib3.exceptions.ProtocolError():
            cause = error.args[-1] if error.args else error
            return ("connection reset" if isinstance(cause, ConnectionError) else "connection broken"), False
        case ApiException() | urllib3.exceptions.SSLError():
            return _tls(error)
    return type(error).__name__, False


def _tls(error: BaseException) -> tuple[str, bool]:
    # The client turns urllib3's SSLError into an ApiException with status 0 and keeps it as the context.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError):
            return f"TLS: {cause.verify_message or 'certificate not trusted'}", True
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return "TLS: the server does not speak TLS", True
        nested = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = nested or cause.__cause__ or cause.__context__
    return "TLS error", False


def _status_of(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _retry_after(headers: Mapping[str, str], details: Mapping[str, Any]) -> float | None:
    value = headers.get("Retry-After") or details.get("retryAfterSeconds")
    try:
        seconds = float(value) if value is not None else None
    except (TypeError, ValueError):
        seconds = None
    if seconds is not None and not 0 <= seconds < math.inf:
        seconds = None  # "inf" and "nan" are numbers to Python
    causes = details.get("causes") or []
    if not seconds and any(cause.get("reason") == "DisruptionBudget" for cause in causes if isinstance(cause, dict)):
        return BUDGET_RETRY_SECONDS
    return seconds
