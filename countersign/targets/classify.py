"""Is a failure worth another attempt? By type and status first, by words last.

The words are those of the specification: a permanent word wins over a transient one in the same message.
"""

import errno
import socket
from enum import StrEnum
from typing import Final

from countersign.errors import (
    AmbiguousTargetError,
    CountersignError,
    DatabaseUnavailable,
    MemoryUnavailable,
    TransientTargetError,
)

TRANSIENT_WORDS: Final = (
    "connection refused",
    "connection reset",
    "timeout",
    "timed out",
    "i/o error",
    "io error",
    "temporary failure",
    "service unavailable",
    "too many requests",
    "dial tcp",
    "eof",
)
PERMANENT_WORDS: Final = (
    "not found",
    "forbidden",
    "permission denied",
    "unauthorized",
    "already exists",
    "invalid",
    "immutable",
    "destructive",
    "blocked",
)
TRANSIENT_STATUSES: Final = frozenset({429, 502, 503, 504})
_TRANSIENT_ERRNOS: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    }
)


class Retryable(StrEnum):
    """What to do after a failure."""

    TRANSIENT = "transient"
    """Nothing happened; another attempt may succeed."""
    AMBIGUOUS = "ambiguous"
    """It may have happened: inspect the target before anything else."""
    PERMANENT = "permanent"
    """Another attempt would fail too."""


def classify(error: BaseException) -> Retryable:
    """Decide by the error's class, then by the HTTP status it carries, then by its words."""
    match error:
        case TransientTargetError() | DatabaseUnavailable() | MemoryUnavailable():
            return Retryable.TRANSIENT
        case AmbiguousTargetError():
            return Retryable.AMBIGUOUS
        case CountersignError():
            return Retryable.PERMANENT
        case TimeoutError() | ConnectionError():
            return Retryable.TRANSIENT
        case socket.gaierror():
            return Retryable.TRANSIENT
        case PermissionError() | FileNotFoundError() | FileExistsError():
            return Retryable.PERMANENT
        case OSError() if error.errno in _TRANSIENT_ERRNOS:
            return Retryable.TRANSIENT
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 600:
        return Retryable.TRANSIENT if status in TRANSIENT_STATUSES else Retryable.PERMANENT
    return classify_text(str(error))


def classify_text(text: str) -> Retryable:
    """Decide by words alone; text without a known word is permanent."""
    lowered = text.lower()
    if any(word in lowered for word in PERMANENT_WORDS):
        return Retryable.PERMANENT
    if any(word in lowered for word in TRANSIENT_WORDS):
        return Retryable.TRANSIENT
    return Retryable.PERMANENT


def is_transient(error: BaseException) -> bool:
    """Return whether another attempt makes sense, for a retry condition."""
    return classify(error) is Retryable.TRANSIENT
