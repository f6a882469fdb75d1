"""How an execution can end, and what each ending means for the approval and the operation log."""

from enum import StrEnum
from typing import assert_never

from countersign.records.states import ApprovalStatus, EventStatus, LogStatus


class Outcome(StrEnum):
    """The one truthful answer of an execution."""

    SUCCESS = "success"
    """The effect happened and the target accepted it."""
    FAILED = "failed"
    """The target refused, or the retries are used up; the effect did not happen or not wholly."""
    PARSE_FAILURE = "parse_failure"
    NO_ACTION = "no_action"
    INVESTIGATED = "investigated"
    BLOCKED = "blocked"
    """A check before the effect said no."""
    UNKNOWN = "unknown"
    """Whether the effect happened cannot be told; a person has to find out."""
    DRY_RUN = "dry_run"
    """Everything but the effect went through."""
    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    """Something that passes stood in the way before anything was sent; the approval waits and is tried again."""

    @property
    def is_success(self) -> bool:
        """Whether a caller that wants a boolean is told yes."""
        return self in (Outcome.SUCCESS, Outcome.NO_ACTION, Outcome.INVESTIGATED, Outcome.DRY_RUN)


def approval_status_after(outcome: Outcome) -> ApprovalStatus | None:
    """Return the status that the approval gets, or None where the outcome leaves it alone (a dry run)."""
    match outcome:
        case Outcome.SUCCESS | Outcome.NO_ACTION | Outcome.INVESTIGATED:
            return ApprovalStatus.EXECUTED
        case Outcome.FAILED | Outcome.PARSE_FAILURE | Outcome.BLOCKED | Outcome.UNKNOWN:
            return ApprovalStatus.FAILED
        case Outcome.CANCELLED:
            return ApprovalStatus.CANCELLED
        case Outcome.POSTPONED:
            return ApprovalStatus.APPROVED
        case Outcome.DRY_RUN:
            return None
        case _:
            assert_never(outcome)


def log_status_after(outcome: Outcome, *, dry_run: bool, rollback: bool = False) -> LogStatus:
    """Return the operation log's final status. Every dry run is logged as one, also one that was blocked."""
    if dry_run:
        return LogStatus.DRY_RUN
    if rollback and outcome is Outcome.SUCCESS:
        return LogStatus.ROLLED_BACK
    return LogStatus.SUCCESS if outcome.is_success else LogStatus.FAILED


def event_status_of(outcome: Outcome) -> EventStatus:
    """Return the colour of the timeline event that tells the outcome."""
    match outcome:
        case Outcome.SUCCESS | Outcome.NO_ACTION | Outcome.INVESTIGATED:
            return EventStatus.SUCCESS
        case Outcome.DRY_RUN:
            return EventStatus.INFO
        case Outcome.BLOCKED | Outcome.CANCELLED | Outcome.UNKNOWN | Outcome.POSTPONED:
            return EventStatus.WARNING
        case Outcome.FAILED | Outcome.PARSE_FAILURE:
            return EventStatus.ERROR
        case _:
            assert_never(outcome)


def reason_for(outcome: Outcome, error: str | None) -> str | None:
    """Return the approval's `rejection_reason`: why it was not executed as approved, None after a success."""
    if outcome.is_success or outcome is Outcome.POSTPONED:
        return None
    why = error or "no reason was recorded"
    match outcome:
        case Outcome.UNKNOWN:
            return f"Outcome unknown, a person has to look at the target: {why}"
        case Outcome.PARSE_FAILURE:
            return f"The action could not be read, nothing was executed: {why}"
        case Outcome.BLOCKED:
            return f"Blocked before the effect: {why}"
        case Outcome.CANCELLED:
            return f"Cancelled before the effect: {why}"
        case _:
            return why
