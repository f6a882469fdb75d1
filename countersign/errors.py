"""Every error that Countersign raises on purpose, in one tree.

A class is a meaning: code decides by class, never by text. The message says what happened, `hint` says
what would work, `code` is the stable name that the API, the metrics and the operation log carry.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from countersign.masking import masked

_FIELD = re.compile(r"[\w.\[\]-]+: ")


class CountersignError(Exception):
    """Something went wrong in Countersign."""

    code: ClassVar[str] = "error"
    about_a_field: ClassVar[bool] = False
    """The message may begin with a field's name: "private_key: not a key" tells what is wrong, and no secret."""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        message = message or (type(self).__doc__ or "").splitlines()[0]
        field = _FIELD.match(message) if self.about_a_field else None
        begin = field.end() if field else 0
        # Errors quote actions and what targets answer, and travel into logs, records and Prefect's pages.
        super().__init__(message[:begin] + masked(message[begin:]))
        self.hint = hint and masked(hint)

    @property
    def message(self) -> str:
        """What happened, one sentence."""
        return str(self.args[0])

    @property
    def told(self) -> str:
        """What happened and what would work, for one line."""
        return f"{self.message.rstrip('.')}. {self.hint}" if self.hint else self.message


# --- set-up -----------------------------------------------------------------------------------------


class ConfigurationError(CountersignError):
    """A setting is missing or cannot be right."""

    code = "configuration"
    about_a_field = True


class BlockRefused(ConfigurationError):
    """A block would have the worker run a program, give a file away or believe a stranger."""


class DatabaseUnavailable(ConfigurationError):
    """PostgreSQL cannot be reached or refuses the credentials."""

    code = "database_unavailable"


class HeldUp(DatabaseUnavailable):
    """This process or PostgreSQL was too slow for the lease each time a request was to be sent, so none was."""

    code = "held_up"


class RowLocked(DatabaseUnavailable):
    """Another session keeps what is to be written locked; PostgreSQL itself is there."""


class MemoryUnavailable(ConfigurationError):
    """Redis cannot be reached."""

    code = "memory_unavailable"


class PolicyNotTrusted(ConfigurationError):
    """The policy on record is not what its administrators signed, or not the newest one, so nothing is done by it."""

    code = "policy_not_trusted"


class InvalidInput(CountersignError):
    """A value given by the caller is not acceptable; the message names the field."""

    code = "invalid_input"
    about_a_field = True


class Disguised(InvalidInput):
    """A text has something that its reader does not see, or takes for something else."""


class ForeignKey(InvalidInput):
    """A key is another person's than the one who is to sign with it."""


class ForeignCode(CountersignError):
    """Something outside of what is installed here was to decide which code runs."""

    code = "foreign_code"

    def __init__(self, message: str | None = None, *, hint: str | None = None, of: str = "entrypoint") -> None:
        super().__init__(message, hint=hint)
        self.of = of
        """What would have brought it: "entrypoint", "deployment" or "result"."""


class TookTooLong(CountersignError):
    """A step after an execution did not end within its time limit."""

    code = "took_too_long"


class DeliveryFailed(CountersignError):
    """A message to people was not delivered, for now."""

    code = "delivery"

    def __init__(
        self, message: str | None = None, *, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds the service asked to wait (Retry-After), if it did."""


class DeliveryRefused(DeliveryFailed):
    """A service refuses messages and will refuse them again: its token or its address is wrong."""

    code = "delivery_refused"


class AddressForbidden(DeliveryRefused):
    """The address is one that nothing is sent to: the machine itself, its links, a cloud's metadata."""

    code = "address_forbidden"


class NotFound(CountersignError):
    """No record with that identifier exists."""

    code = "not_found"


class InternalError(CountersignError):
    """A fault of Countersign itself; the log has the details."""

    code = "internal"


# --- reading an action ------------------------------------------------------------------------------


class NoIntent(InternalError):
    """A request was to leave without an intent of its own on record, so nothing was sent."""

    code = "no_intent"


class ParseFailure(CountersignError):
    """The action's text is not an operation that Countersign performs. Nothing was executed."""

    code = "parse_failure"


class HiddenCharacters(ParseFailure):
    """The text has characters that are not seen, or that change how others are seen."""


class ForbiddenAction(ParseFailure):
    """The action would show secrets, or reach elsewhere than its target. Nothing was executed."""


# --- refusals: nothing was sent ---------------------------------------------------------------------


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
        """What was changed: "request", "signature", "plan", "journal", "policy", "result", "access" or "webhook"."""


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


# --- the target answered, or did not ----------------------------------------------------------------


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


# --- ownership of an execution ----------------------------------------------------------------------


class StaleFence(CountersignError):
    """Another worker has taken this execution over; this one must not write any more."""

    code = "stale_fence"


# --- who asks, and how ------------------------------------------------------------------------------


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


class KeyReused(InvalidInput):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"


class StillRunning(CountersignError):
    """The same request is being answered at this moment."""

    code = "still_running"
