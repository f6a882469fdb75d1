"""The state that a run ends in: its name and type tell the outcome and the verdict, in the list of runs already."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from countersign.execution import bystander
from countersign.execution.follow_up import FollowUp
from countersign.execution.report import ExecutionFailed, Report
from countersign.records.states import Verdict
from countersign.texts import text


def final_state(report: Report, followed: FollowUp | None = None) -> State[Any]:
    """Return the state of a run with `report`, of which this has `followed`.

    What did not succeed, and what succeeded and made things worse, is a failed run; its data raises ExecutionFailed.
    """
    name, good = _named(report, followed)
    message = " ".join(part for part in (report.message, _taken_back(followed)) if part)
    if good:
        return Completed(name=name, message=message, data=report)
    return Failed(name=name, message=message, data=ExecutionFailed(report))


def state_name(report: Report, followed: FollowUp | None = None) -> str:
    """Return what the run's state is called."""
    return _named(report, followed)[0]


def tags_of(report: Report, followed: FollowUp | None) -> set[str]:
    """Return the tags that runs are filtered by."""
    found = {f"outcome:{report.outcome}"}
    if followed is not None and followed.verification is not None:
        found.add(f"verdict:{followed.verification.verdict}")
    if followed is not None and followed.rollback is not None:
        found.add("rolled-back" if followed.rollback.outcome == "success" else "rollback-failed")
    return found


def _named(report: Report, followed: FollowUp | None) -> tuple[str, bool]:
    """Return the state's name, and whether the run is a good one."""
    if not report.performed_by_this_run:
        return _of_a_bystander(report)
    outcome = text(f"outcome.{report.outcome}")
    verdict = followed.verification.verdict if followed is not None and followed.verification is not None else None
    said = text(f"verdict.{verdict}") if verdict is not None else ""
    if followed is not None and followed.rollback is not None:
        word = "state.rolled_back" if followed.rollback.outcome == "success" else "state.rollback_failed"
        return text(word, verdict=said), False
    if verdict is None or not report.success:
        return outcome, report.success
    return text("state.judged", outcome=outcome, verdict=said), verdict != Verdict.WORSE


def _of_a_bystander(report: Report) -> tuple[str, bool]:
    match report.outcome:
        case bystander.UNDER_WAY:
            return text("state.running_elsewhere"), False
        case _ if report.execution_id is None:
            return text("state.not_started"), False
        case outcome:
            return text("state.already", outcome=text(f"outcome.{outcome}")), report.success


def _taken_back(followed: FollowUp | None) -> str:
    if followed is None or followed.rollback is None:
        return ""
    return text("state.taken_back", message=followed.rollback.message)
