"""Who asks, and how."""

from countersign.errors.base import CountersignError


class Unauthenticated(CountersignError):
    """Whoever asks has not shown who they are."""

    code = "unauthenticated"


class Forbidden(CountersignError):
    """Whoever asks is known, and the policy gives them no role for this."""

    code = "forbidden"


class TooManyRequests(CountersignError):
    """Too much was asked in a short time."""

    code = "too_many_requests"

    def __init__(self, message: str | None = None, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds after which it may be asked again."""


class RequestTooLarge(CountersignError):
    """The request's body is larger, or deeper, than what is read."""

    code = "too_large"


class TooSlow(CountersignError):
    """The request did not come to its end in time."""

    code = "too_slow"


class ChangedSince(CountersignError):
    """The record is not any more what whoever asks has seen."""

    code = "changed_since"


class StillRunning(CountersignError):
    """The same request is being answered at this moment."""

    code = "still_running"
