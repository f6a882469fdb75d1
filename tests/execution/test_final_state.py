"""The list of runs tells outcome and verdict: what was rolled back is no green run, and who did nothing says so."""

import pytest

from countersign.execution.follow_up import FollowUp, RolledBack, Verification
from countersign.execution.report import Report
from flows.final_state import final_state, tags_of


def report(outcome: str, *, success: bool = False, mine: bool = True, executed: bool = True) -> Report:
    return Report(
        approval_id="a",
        action="kubectl rollout restart deployment/api -n prod",
        outcome=outcome,
        success=success,
        message="It is so.",
        performed_by_this_run=mine,
        execution_id="e" if executed else None,
    )


def judged(verdict: str, back: str | None = None) -> FollowUp:
    rollback = None
    if back is not None:
        rollback = RolledBack(execution_id="r", outcome=back, message="The image is the old one.", verdict=None)
    verification = Verification(verdict=verdict, reasons=(), notes=(), difference=())
    return FollowUp(verification=verification, rollback=rollback)


@pytest.mark.parametrize(
    ("given", "followed", "name", "kind"),
    [
        (report("success", success=True), judged("effective"), "Succeeded, effective", "COMPLETED"),
        (report("success", success=True), judged("ineffective"), "Succeeded, ineffective", "COMPLETED"),
        (report("success", success=True), judged("worse"), "Succeeded, worse", "FAILED"),
        (report("success", success=True), judged("worse", "success"), "Rolled back (worse)", "FAILED"),
        (report("success", success=True), judged("worse", "blocked"), "Rollback failed (worse)", "FAILED"),
        (report("success", success=True), None, "Succeeded", "COMPLETED"),
        (report("failed"), judged("worse"), "Failed", "FAILED"),
        (report("postponed"), None, "Waiting", "FAILED"),
        (report("dry_run", success=True), None, "Dry run", "COMPLETED"),
        (report("success", success=True, mine=False), None, "Already executed (Succeeded)", "COMPLETED"),
        (report("failed", mine=False), None, "Already executed (Failed)", "FAILED"),
        (report("executing", mine=False), None, "Running elsewhere", "FAILED"),
        (report("blocked", mine=False, executed=False), None, "Not started", "FAILED"),
    ],
)
def test_a_state_tells_outcome_and_verdict(given: Report, followed: FollowUp | None, name: str, kind: str) -> None:
    state = final_state(given, followed)
    assert (state.name, state.type.value) == (name, kind)


def test_what_was_taken_back_is_said_in_the_message_and_the_tags() -> None:
    given, followed = report("success", success=True), judged("worse", "success")
    assert final_state(given, followed).message == "It is so. It was taken back: The image is the old one."
    assert tags_of(given, followed) == {"outcome:success", "verdict:worse", "rolled-back"}
