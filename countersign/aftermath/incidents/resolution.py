"""Resolve the incident that the action was meant to fix, unless there is reason to think that it did not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.aftermath.verification.recorded_verdict import verdict_of
from countersign.masking import masked
from countersign.records.database.engine import statements
from countersign.records.incidents import complete_outcome, find_incident
from countersign.records.incidents import resolve_incident as resolve
from countersign.records.outcomes import Outcome
from countersign.records.states import StepName, Verdict
from countersign.records.tables import Approval, Incident
from countersign.texts import text

EFFECTIVENESS = 4
"""Of a success that nobody found anything against, at least."""
VERIFIED = 5
"""Of one whose effect was verified."""


def resolve_incident(subject: Subject) -> StepEnd:
    """Resolve the incident and complete its outcome."""
    outcome, approval = subject.execution.outcome, subject.approval
    assert outcome is not None, "steps exist once there is an outcome"
    with statements(subject.engine) as session:
        verdict = verdict_of(session, subject.execution_id) or _told(subject)
        incident = find_incident(session, subject.incident_id)
    rolled_back = bool((subject.result_of(StepName.ROLL_BACK) or {}).get("rolled_back"))
    reason = reason_to_leave(outcome, verdict, rolled_back=rolled_back)
    if reason is not None:
        return Skipped(reason)
    if incident is None:
        named = subject.incident_id
        return Skipped(text("resolve.not_on_record", incident=named) if named else text("resolve.no_incident"))
    incident_id, settled_at = incident.id, subject.execution.settled_at
    if _fired_again(incident, settled_at):
        return Skipped(text("resolve.fired_again"))
    return Done(
        {"incident_id": incident_id},
        lambda session: settle_incident(session, incident_id, approval, outcome, settled_at, verdict=verdict),
    )


def reason_to_leave(outcome: Outcome, verdict: Verdict | None, *, rolled_back: bool = False) -> str | None:
    """Return why an incident stays open after such an execution, None where it can be resolved. Pure."""
    if outcome not in (Outcome.SUCCESS, Outcome.NO_ACTION):
        return text("resolve.not_a_success", outcome=text(f"outcome.{outcome}"))
    if rolled_back:
        return text("resolve.rolled_back")
    if verdict in (Verdict.WORSE, Verdict.INEFFECTIVE):
        return text("resolve.did_not_help", verdict=text(f"verdict.{verdict}"))
    return None


def settle_incident(
    session: Session,
    incident_id: str,
    approval: Approval,
    outcome: Outcome,
    settled_at: datetime | None = None,
    *,
    verdict: Verdict | None = None,
) -> Mapping[str, Any]:
    """Resolve the incident, once, with what was done as its note. Raises NotFound.

    What ended at `settled_at`, before the incident's alerts fired again, leaves it as it is.
    """
    action = masked(" ".join(approval.action.split()))
    if outcome is Outcome.SUCCESS:
        effectiveness = VERIFIED if verdict is Verdict.EFFECTIVE else EFFECTIVENESS
        complete_outcome(
            session, incident_id, success=True, effectiveness=effectiveness, note=action, settled_at=settled_at
        )
        note = text("resolve.executed", action=action)
    else:
        note = text("resolve.observed")
    first = resolve(session, incident_id, note=note, settled_at=settled_at)
    if not first and _fired_again(find_incident(session, incident_id), settled_at):
        return {"resolved_now": False, "summary": text("resolve.fired_again")}
    said = "resolve.resolved" if first else "resolve.already"
    return {"resolved_now": first, "summary": text(said, incident=incident_id)}


def _fired_again(incident: Incident | None, settled_at: datetime | None) -> bool:
    """Whether the incident was opened again after what ended then."""
    if incident is None or incident.reopened_at is None or settled_at is None:
        return False
    return incident.reopened_at >= settled_at


def _told(subject: Subject) -> Verdict | None:
    """Return the verdict that the step told, where there is no snapshot from afterwards."""
    told = (subject.result_of(StepName.VERIFY) or {}).get("verdict")
    return Verdict(told) if told in list(Verdict) else None
