"""Make a successful action a playbook: complete its incident, and keep what was done as a repair for the symptom."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from countersign.actions import read_action
from countersign.actions.commands import template_of
from countersign.actions.operation import HostOperation, KubernetesOperation, Verb
from countersign.aftermath.incidents.incident_of import alert_of, incident_of
from countersign.aftermath.incidents.resolution import EFFECTIVENESS, VERIFIED
from countersign.aftermath.learning.content import Said
from countersign.aftermath.learning.effects import effect_of
from countersign.aftermath.learning.learn import (
    judge_playbook,
    nothing_repaired,
    observation,
    promote,
    verdict_of,
)
from countersign.aftermath.learning.playbook_merge import Kept, Repair, keep_repair
from countersign.aftermath.learning.subjects import playbook_subject, steps_subject
from countersign.aftermath.learning.symptoms import ALERT, CATEGORY, symptom_from
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.masking import masked
from countersign.records.database.engine import statements
from countersign.records.incidents import complete_outcome
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import lock_playbook
from countersign.records.states import PlaybookStatus, Verdict
from countersign.records.tables import Approval, Incident
from countersign.records.trust import count_by, observe
from countersign.texts import text

_VALUES = re.compile(r"\b(env|data|stringData)\b")
"""Parts of an object whose values may be secrets."""


def extract_playbook(subject: Subject) -> StepEnd:
    """Complete the incident's outcome and find or make the playbook that the action is.

    Verified as effective it is approved, otherwise a draft. Raises DatabaseUnavailable.
    """
    why_not = _why_not(subject)
    if why_not is not None:
        return Skipped(why_not)
    named = subject.incident_id
    if named is None:
        return Skipped(text("learning.no_incident"))
    with statements(subject.engine) as session:
        count_by(session, subject.services.settings.trust_half_life_seconds)
        incident = incident_of(session, subject.approval)
    if incident is None:
        return Skipped(text("learning.incident_unknown", incident=named))
    effectiveness = VERIFIED if verdict_of(subject) is Verdict.EFFECTIVE else EFFECTIVENESS
    repair = _repair(subject, incident)

    def write(session: Session) -> Mapping[str, Any]:
        note = masked(subject.approval.action)
        complete_outcome(
            session,
            incident.id,
            success=True,
            effectiveness=effectiveness,
            note=note,
            settled_at=subject.execution.settled_at,
        )
        if isinstance(repair, str):
            return {"playbook_id": None, "status": None, "created": False, "summary": repair}
        return _keep(session, subject, repair, approve=effectiveness == VERIFIED)

    return Done({"incident_id": incident.id, "effectiveness": effectiveness}, write)


def _sets_values(operation: KubernetesOperation | HostOperation) -> bool:
    """Tell whether the action gives values that may be secrets whatever their names: variables, data of a patch."""
    if not isinstance(operation, KubernetesOperation):
        return False
    if operation.verb is Verb.PATCH:
        return _VALUES.search(template_of(operation).text) is not None
    return operation.verb is Verb.SET_ENV


def _why_not(subject: Subject) -> str | None:
    outcome, verdict = subject.execution.outcome, verdict_of(subject)
    if outcome is not Outcome.SUCCESS:
        return text("learning.not_successful", outcome=text(f"outcome.{outcome}"))
    if verdict in (Verdict.INEFFECTIVE, Verdict.WORSE):
        return text("learning.verdict_against", verdict=text(f"verdict.{verdict}"))
    return nothing_repaired(subject)


def _repair(subject: Subject, incident: Incident) -> Repair | str:
    """Return what is to be kept, or why nothing is."""
    approval = subject.approval
    symptom = symptom_from(labels := labels_of(incident, approval))
    if not symptom:
        return text("learning.no_symptom")
    operation = read_action(approval.action)
    assert isinstance(operation, KubernetesOperation | HostOperation), "something was sent"
    if isinstance(operation, KubernetesOperation) and operation.namespace is None:
        # What the text left to the cluster's default was signed with the approval.
        operation = replace(operation, namespace=(approval.target or {}).get("namespace"))
    action = template_of(operation).text
    if masked(action) != action or _sets_values(operation):
        return text("learning.holds_secret")
    return Repair(
        said=Said(symptom, (action,)),
        labels=labels,
        operation=subject.report.operation,
        matched=approval.matched_playbook_id,
        execution_id=subject.execution_id,
        by=approval.requested_by,
    )


def labels_of(incident: Incident, approval: Approval) -> dict[str, str]:
    """Return the labels by which an incident is recognised."""
    labels = {str(label): str(value) for label, value in incident.signals.items() if isinstance(value, str | int)}
    return {
        **labels,
        ALERT: alert_of(incident, approval),
        CATEGORY: incident.alert_category,
    }


def _keep(session: Session, subject: Subject, repair: Repair, *, approve: bool) -> Mapping[str, Any]:
    kept = keep_repair(session, repair)
    playbook = kept.playbook
    effect = effect_of(Outcome.SUCCESS, verdict_of(subject))
    assert effect is not None, "a success shows something"
    observe(session, playbook_subject(playbook.id), observation(subject, effect))
    observe(session, steps_subject(playbook.id, repair.said.content.steps_hash), observation(subject, effect))
    if approve and _may_be_approved(kept):
        promote(session, subject, playbook.id, playbook.name, text("learning.effective_once"))
    judged = judge_playbook(session, subject, playbook.id)
    status = lock_playbook(session, playbook.id).status.value
    return {
        **judged,
        "playbook_id": str(playbook.id),
        "status": status,
        "created": kept.how == "made",
        "how": kept.how,
        "version": kept.version,
        "summary": text(
            f"learning.{kept.how}",
            name=playbook.name,
            status=text(f"playbook_status.{status}"),
            version=kept.version,
        ),
    }


def _may_be_approved(kept: Kept) -> bool:
    """A draft is approved for a run of what it said before; for one of another version of it a person has to choose.

    A run that made it say something else is the first of its kind, however well the earlier steps are known.
    """
    playbook = kept.playbook
    unjudged = playbook.status is PlaybookStatus.DRAFT and playbook.people_only_since is None
    return unjudged and playbook.version == kept.version and kept.how != "merged"
