"""Learn from the verdict: what the run showed is written down, and the playbook that it was is judged by it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.aftermath.incidents.incident_of import alert_of, incident_of
from countersign.aftermath.learning.effects import Effect, effect_of
from countersign.aftermath.learning.standing import Demote, Promote, TakeBack, rules_of, standing_of
from countersign.aftermath.learning.subjects import playbook_subject, repair_subject, steps_subject
from countersign.aftermath.learning.trust import kept_since, read_trust
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import NotSent, TransientTargetError
from countersign.execution.playbook_steps import steps_hashes_of
from countersign.records.database.engine import statements
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import (
    demote,
    find_playbook,
    lock_playbook,
    set_status,
    take_back,
    versions_of,
)
from countersign.records.states import EventStatus, PlaybookChangeKind, PlaybookStatus, StepName, Verdict
from countersign.records.timeline import add_event
from countersign.records.trust import Observation, count_by, observations_of, observe
from countersign.texts import text

ACTOR = "countersign"
AWAY = frozenset({TransientTargetError.code, NotSent.code})
"""Codes of runs that ended because the API server or the host was not reached, or could not answer for now."""


def learn(subject: Subject) -> StepEnd:
    """Write down how effective the run was, for its playbook and for its kind of repair.

    Promotes a draft that has proved itself, and leaves a playbook to people that has stopped working. Raises
    DatabaseUnavailable.
    """
    outcome, verdict = subject.execution.outcome, verdict_of(subject)
    assert outcome is not None, "steps exist once there is an outcome"
    if target_was_away(subject):
        return Skipped(text("learning.target_away"))
    effect = effect_of(outcome, verdict)
    if effect is None:
        found = text(f"verdict.{verdict}") if verdict else "-"
        return Skipped(text("learning.nothing_shown", outcome=text(f"outcome.{outcome}"), verdict=found))
    why_not = nothing_repaired(subject)
    if why_not is not None:
        return Skipped(why_not)
    with statements(subject.engine) as session:
        count_by(session, subject.services.settings.trust_half_life_seconds)
        alert = alert_of(incident_of(session, subject.approval), subject.approval)
        matched = subject.approval.matched_playbook_id
        playbook = find_playbook(session, matched) if matched else None
        known = {version.steps_hash for version in versions_of(session, playbook.id)} if playbook else set()
    ran = next((steps for steps in steps_hashes_of(subject.approval) if steps in known), None)
    repair = repair_subject(alert, subject.report.operation)
    subjects = [repair] if repair else []
    if playbook is not None and ran is not None:
        subjects.insert(0, playbook_subject(playbook.id))

    def write(session: Session) -> Mapping[str, Any]:
        for name in subjects:
            observe(session, name, observation(subject, effect))
        if playbook is None or ran is None:
            return {}
        observe(session, steps_subject(playbook.id, ran), observation(subject, effect))
        return judge_playbook(session, subject, playbook.id)

    basis = text(effect.basis.replace(" ", "."))
    summary = text("learning.learnt", basis=basis)
    if playbook is not None and ran is None:
        summary += " " + text("learning.not_its_steps", name=playbook.name)
    return Done({"subjects": subjects, "effect": effect.effect, "weight": effect.weight, "summary": summary}, write)


def verdict_of(subject: Subject) -> Verdict | None:
    """Return what verification found, None where it did not get to a verdict."""
    verdict = (subject.result_of(StepName.VERIFY) or {}).get("verdict")
    return None if verdict is None else Verdict(verdict)


def nothing_repaired(subject: Subject) -> str | None:
    """Return why a run says nothing about any repair, None if it does."""
    if not subject.report.steps:
        return text("learning.nothing_sent")
    if subject.report.operation.get("tool") == "ssh_diagnose":
        return text("learning.nothing_changed")
    return None


def target_was_away(subject: Subject) -> bool:
    """Whether nothing landed because the target could not be reached: that says nothing about the repair."""
    report = subject.report
    landed = any(step.result == "landed" for step in report.steps)
    return subject.execution.outcome is Outcome.FAILED and not landed and report.code in AWAY


def observation(subject: Subject, effect: Effect) -> Observation:
    """Return what the run showed. Its time is the outcome's, however late the step runs."""
    at = subject.execution.settled_at
    assert at is not None, "steps exist once there is an outcome"
    return Observation(subject.execution_id, effect.effect, effect.weight, effect.basis, at)


def judge_playbook(session: Session, subject: Subject, playbook_id: UUID) -> dict[str, Any]:
    """Promote or demote the playbook by all runs of the steps that it has in use; return what the result says of it.

    Those of a version that waits for a person say nothing about the one that is approved.
    """
    settings = subject.services.settings
    # Of two runs that end together the second waits here, and judges by what both have shown.
    playbook = lock_playbook(session, playbook_id)
    now, half_life = datetime.now(UTC), settings.trust_half_life_seconds
    steps = steps_subject(playbook_id, playbook.steps_hash)
    observed = observations_of(session, [steps], since=kept_since(now, half_life))[steps]
    trust = read_trust(session, [steps], now=now, half_life_seconds=half_life)[steps]
    standing = standing_of(
        observed,
        trust,
        arrived=subject.execution_id,
        status=playbook.status,
        people_only=playbook.people_only_since is not None,
        restored_at=playbook.restored_at,
        rules=rules_of(settings),
    )
    said: dict[str, Any] = {"playbook": playbook.name, "bound": round(trust.bound, 4), "runs": trust.runs}
    match standing:
        case Demote(reason) if demote(session, playbook_id, by=ACTOR, reason=reason):
            tell_about(session, subject, "demoted", name=playbook.name, reason=reason)
            return {**said, "demoted": reason}
        case TakeBack(reason) if take_back(session, playbook_id, by=ACTOR, reason=reason):
            tell_about(session, subject, "restored", name=playbook.name, reason=reason)
            return {**said, "restored": reason}
        case Promote(reason):
            promote(session, subject, playbook_id, playbook.name, reason)
            return {**said, "promoted": reason}
    return said


def promote(session: Session, subject: Subject, playbook_id: UUID, name: str, reason: str) -> None:
    """Approve a draft for what was learnt, and tell it."""
    what = PlaybookChangeKind.PROMOTED
    if set_status(session, playbook_id, PlaybookStatus.APPROVED, what=what, by=ACTOR, reason=reason):
        tell_about(session, subject, "promoted", name=name, reason=reason)


def tell_about(session: Session, subject: Subject, what: str, *, name: str, reason: str) -> None:
    """Tell on the timeline of the approval and its incident what became of a playbook by this run."""
    add_event(
        session,
        approval_id=subject.approval.id,
        incident_id=subject.incident_id,
        type=f"playbook_{what}",
        status=EventStatus.WARNING if what == "demoted" else EventStatus.INFO,
        title=text(f"learning.{what}_event", name=name),
        description=reason,
        actor=ACTOR,
        actor_role="system",
        once_key=f"playbook_{what}:{subject.execution_id}",
    )
