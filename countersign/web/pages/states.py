"""In one word and one sign, where an approval stands."""

from dataclasses import dataclass
from typing import Final

from countersign.records.approval_list import ApprovalRow
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, StepStatus, Verdict
from countersign.texts import text


@dataclass(frozen=True)
class State:
    """A tone, which gives colour and sign, and the words beside it: neither is told by colour alone."""

    tone: str
    """todo, wait, run, ok, warn, bad, stop, unknown, back or off."""
    words: str


_OF_STATUS: Final = {
    ApprovalStatus.PENDING: "todo",
    ApprovalStatus.APPROVED: "wait",
    ApprovalStatus.EXECUTING: "run",
    ApprovalStatus.REJECTED: "off",
    ApprovalStatus.EXPIRED: "off",
    ApprovalStatus.CANCELLED: "off",
    ApprovalStatus.EXECUTED: "ok",
    ApprovalStatus.FAILED: "bad",
}
_OF_OUTCOME: Final = {
    Outcome.SUCCESS: "ok",
    Outcome.NO_ACTION: "ok",
    Outcome.INVESTIGATED: "ok",
    Outcome.DRY_RUN: "ok",
    Outcome.FAILED: "bad",
    Outcome.PARSE_FAILURE: "bad",
    Outcome.BLOCKED: "stop",
    Outcome.UNKNOWN: "unknown",
    Outcome.CANCELLED: "off",
    Outcome.POSTPONED: "wait",
}
_OF_VERDICT: Final = {
    Verdict.EFFECTIVE: "ok",
    Verdict.INEFFECTIVE: "warn",
    Verdict.WORSE: "bad",
    Verdict.UNVERIFIABLE: "unknown",
}
_OF_STEP: Final = {
    StepStatus.PENDING: "wait",
    StepStatus.RUNNING: "run",
    StepStatus.DONE: "ok",
    StepStatus.SKIPPED: "off",
    StepStatus.DEAD: "bad",
}


def state_of(row: ApprovalRow, language: str) -> State:
    """Return where an approval stands: what became of it where it was executed, else its status."""
    approval = row.approval
    if row.outcome is not None:
        verdict = row.verdict
        if row.rolled_back and verdict is not None:
            words = text(f"verdict.{verdict}", language=language)
            return State("back", text("state.rolled_back", language=language, verdict=words))
        outcome = outcome_state(row.outcome, language)
        if row.outcome is Outcome.SUCCESS and verdict not in (None, Verdict.UNVERIFIABLE):
            judged = verdict_state(verdict, language)
            words = text("state.judged", language=language, outcome=outcome.words, verdict=judged.words)
            return State(judged.tone, words)
        return outcome
    if approval.status is ApprovalStatus.APPROVED and approval.waiting_until is not None:
        return State("wait", text("outcome.postponed", language=language))
    return State(_OF_STATUS[approval.status], text(f"approval_status.{approval.status}", language=language))


def outcome_state(outcome: Outcome, language: str) -> State:
    """Return how an outcome is shown."""
    return State(_OF_OUTCOME[outcome], text(f"outcome.{outcome}", language=language))


def verdict_state(verdict: Verdict, language: str) -> State:
    """Return how a verdict is shown."""
    return State(_OF_VERDICT[verdict], text(f"verdict.{verdict}", language=language))


def step_state(status: StepStatus, language: str) -> State:
    """Return how a step after an execution is shown."""
    return State(_OF_STEP[status], text(f"step_status.{status}", language=language))
