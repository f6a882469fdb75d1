"""Refusals: nothing was sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from countersign.errors.base import CountersignError


class Refused(CountersignError):
    """A check before the effect said no. Nothing was sent to the target."""

    code = "refused"


class NotApproved(Refused):
    """The approval is not in status approved, or lacks signatures."""

    code = "not_approved"


class SignatureRefused(NotApproved):
    """A signature would not count, so it is not recorded."""


class NotTrusted(NotApproved):
    """Too few of the signatures count, or they are for another place than the one that is meant now."""


class ApprovalExpired(Refused):
    """The approval's time has passed."""

    code = "expired"

    @classmethod
    def at(cls, moment: datetime) -> "ApprovalExpired":
        """Return the error of an approval that expired at `moment`."""
        return cls(
            f"The approval expired at {moment.astimezone(UTC).isoformat(timespec='seconds')}.",
            hint="file and sign a new request if the action is still wanted",
        )


class Tampered(Refused):
    """What was signed is not what the record holds now."""

    code = "tampered"

    def __init__(self, message: str | None = None, *, hint: str | None = None, of: str = "request") -> None:
        super().__init__(message, hint=hint)
        self.of = of
        """What was changed: "request", "signature", "plan", "journal", "policy", "result", "access", "webhook",
        "chat" or "break_glass".
        """


class PolicyRefused(Refused):
    """The policy does not allow this action now."""

    code = "policy"

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        passing: bool = False,
        passes_at: datetime | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.passing = passing
        """Whether it ends without anybody changing the request."""
        self.passes_at = passes_at
        """When that will be, where time alone is against it."""


class ForbiddenReading(PolicyRefused):
    """The investigation would show secrets, or read what is not the cluster's or not its block's."""


class BreakGlassRefused(Refused):
    """Somebody may have no part in lifting limits, or it is not what was begun."""

    code = "break_glass"


class KillSwitchOn(PolicyRefused):
    """The kill switch is on: no action is performed."""

    code = "kill_switch"


class PreflightRefused(Refused):
    """The target's own state or a server-side dry run speaks against the action."""

    code = "preflight"


class TargetHeld(Refused):
    """Another execution holds the target."""

    code = "target_held"


class RollbackNotMade(Refused):
    """Something speaks against taking the action back."""

    code = "rollback_not_made"


class Stopped(Refused):
    """The run was cancelled before the next request was sent."""

    code = "cancelled"


class GateRefused(Refused):
    """The host gateway refused the call at one of its gates."""

    code = "gate"

    def __init__(self, message: str, *, gate: int, gate_code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.gate = gate
        self.gate_code = gate_code

    def __reduce__(self) -> tuple[Callable[..., "GateRefused"], tuple[str]]:
        # Prefect keeps what a task raised, pickled.
        make = partial(GateRefused, gate=self.gate, gate_code=self.gate_code, hint=self.hint)
        return (make, (self.message,))
