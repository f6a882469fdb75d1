"""The target answered, or did not; or another worker has the execution."""

from countersign.errors.base import CountersignError, InternalError


class NoIntent(InternalError):
    """A request was to leave without an intent of its own on record, so nothing was sent."""

    code = "no_intent"


class TargetError(CountersignError):
    """The target could not be read or changed."""

    code = "target"


class TargetNotFound(TargetError):
    """The target does not exist; the nearest candidates are listed."""

    code = "target_not_found"

    def __init__(self, message: str, *, candidates: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates


class TransientTargetError(TargetError):
    """The target was not reached or refused for now; the effect certainly did not happen. Safe to retry."""

    code = "transient"

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds the target asked to wait (HTTP Retry-After), if it did."""


class NotSent(TransientTargetError):
    """The request never left: the target could not be reached at all."""

    code = "not_sent"


class AmbiguousTargetError(TargetError):
    """The request was sent and no answer came: the effect may have happened. Inspect before anything else."""

    code = "ambiguous"


class PreconditionFailed(TargetError):
    """The object is no longer what the plan was made for, so the target refused the change."""

    code = "precondition_failed"


class PlanOutdated(PreconditionFailed):
    """The target moved by itself between planning and sending, so nothing was sent. A plan made anew may fit."""

    code = "plan_outdated"


class PermanentTargetError(TargetError):
    """The target refused the change and will refuse it again."""

    code = "permanent"


class OutcomeUnknown(CountersignError):
    """Whether the effect happened cannot be told from the target. A person has to settle it."""

    code = "unknown"


class StaleFence(CountersignError):
    """Another worker has taken this execution over; this one must not write any more."""

    code = "stale_fence"
