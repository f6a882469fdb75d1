"""Verify that the action had the effect that it was meant to have.

The target is looked at for a while after the outcome, whatever the outcome was, and compared with the baseline that
was stored with the plan. The verdict, its reasons and the difference are kept with the snapshot from afterwards, and
handed to the steps that learn, roll back and tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.aftermath.verification.collection import Collected, collect, window_of
from countersign.aftermath.verification.criteria import case_of, criteria_of, on_hosts
from countersign.aftermath.verification.difference import difference, difference_json
from countersign.aftermath.verification.probes import Asking
from countersign.aftermath.verification.verdict import Judgement, judge
from countersign.errors import DatabaseUnavailable, GateRefused, PermanentTargetError
from countersign.execution.performance import progress_of
from countersign.execution.probes import ProbeAnswer, answers_json, note_refused
from countersign.execution.progress import NOTHING, Progress
from countersign.execution.services import Services
from countersign.execution.target_access import OnBehalfOf, is_known, open_target
from countersign.logging import get_logger
from countersign.masking import masked, masked_values
from countersign.metrics.worker import VERDICTS
from countersign.records.counting import count_when_committed
from countersign.records.database.engine import statements
from countersign.records.evidence import Seen, evidence_of, store_after
from countersign.records.ledger import note_so_far
from countersign.records.outcomes import Outcome
from countersign.records.states import EventStatus, EvidencePhase, Verdict
from countersign.records.tables import Approval, EvidenceSnapshot, Execution
from countersign.records.timeline import add_event
from countersign.targets.criteria import Criterion, Standing, without_blame
from countersign.targets.model import Plan, Target
from countersign.texts import text

logger = get_logger(__name__)
LATE_SECONDS = 600
"""Whoever looks later than this after the outcome cannot tell what came of the action and what of something else."""
_EVENT: Mapping[Verdict, EventStatus] = {
    Verdict.EFFECTIVE: EventStatus.SUCCESS,
    Verdict.INEFFECTIVE: EventStatus.WARNING,
    Verdict.WORSE: EventStatus.ERROR,
    Verdict.UNVERIFIABLE: EventStatus.INFO,
}


def verify(subject: Subject) -> StepEnd:
    """Look at the target and give the verdict. Raises TransientTargetError, ConfigurationError, Stopped."""
    plan = subject.plan
    progress = NOTHING if plan is None else progress_of(subject.engine, subject.seal, subject.execution_id, plan)
    reason = _nothing_to_verify(subject, progress)
    if reason is not None or plan is None:
        return Skipped(reason or text("verify.no_plan"))
    with statements(subject.engine) as session:
        baseline = evidence_of(session, subject.execution_id).get(EvidencePhase.BEFORE)
    if not is_known(subject.services, plan):
        return _end(subject, _Answer(_untold(text("verify.other_system", planned=plan.system))), baseline)
    late = _is_late(subject, _now())
    try:
        with target_of(subject.services, subject.approval, subject.execution, plan) as target:
            # A host is asked until nothing can still be at work there.
            asking = subject.services.the_fleet().linger_seconds if on_hosts(plan) else 0.0
            window = window_of(subject, now=_now(), asking_seconds=asking)
            probes = Asking(subject, plan, baseline, window)
            case = case_of(plan, baseline, progress)
            found = collect(
                subject, target, case, criteria_of(plan), window, beside=probes.look, looking_on=_Telling(subject)
            )
    except (PermanentTargetError, GateRefused) as error:
        return _end(subject, _Answer(_untold(text("verify.not_readable", reason=error.message))), baseline)
    answers = probes.answers()
    criteria = [*found.criteria, *probes.criteria(may_blame=bool(found.case.touched) and not _under_way(found))]
    if late:
        criteria = _seen_late(criteria)
    return _end(subject, _Answer(judge(criteria), found, answers), baseline)


class _Telling:
    """Puts on record what a verification waits for, when that changes."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._told: tuple[str, ...] | None = None

    def __call__(self, criteria: Sequence[Criterion], seconds: float) -> None:
        waiting_for = tuple(masked(each.reason) for each in criteria if each.standing is Standing.PENDING)
        if waiting_for == self._told:
            return
        try:
            with statements(self._subject.engine) as session:
                note_so_far(session, self._subject.step, waiting_for, seconds=seconds)
        except DatabaseUnavailable as error:
            # What people see meanwhile must not end what they wait for.
            logger.warning("what is seen so far is not on record", error=error.message)
            return
        self._told = waiting_for


def _under_way(found: Collected) -> bool:
    return any(each.under_way or each.standing is Standing.PENDING for each in found.criteria)


def _is_late(subject: Subject, begins: datetime) -> bool:
    settled = subject.execution.settled_at
    return settled is not None and (begins - settled).total_seconds() > LATE_SECONDS


def _seen_late(criteria: Sequence[Criterion]) -> list[Criterion]:
    """Return the criteria with nothing blamed on an action that ended long ago."""
    told = without_blame(criteria)
    if told == list(criteria):
        return told
    return [Criterion(Standing.UNTOLD, text("verify.late", minutes=LATE_SECONDS // 60)), *told]


def _nothing_to_verify(subject: Subject, progress: Progress) -> str | None:
    """Return why there is nothing to verify, None where there is."""
    if not subject.services.settings.verify:
        return text("verify.switched_off")
    if subject.execution.outcome in (Outcome.NO_ACTION, Outcome.INVESTIGATED, Outcome.DRY_RUN):
        return text("verify.changed_nothing")
    if subject.plan is None:
        return text("verify.no_plan")
    if subject.plan.steps and not progress.anything_sent:
        return text("verify.nothing_sent")
    return None


@contextmanager
def target_of(services: Services, approval: Approval, execution: Execution, plan: Plan) -> Iterator[Target]:
    """Open the target that `plan` is for. Raises ConfigurationError."""
    operation = read_action(approval.action)
    assert isinstance(operation, KubernetesOperation | HostOperation), "what has a plan is an operation"
    behalf = OnBehalfOf(approval, execution.owned)
    with open_target(services, operation, behalf, planned_for=plan.system) as target:
        yield target


@dataclass(frozen=True)
class _Answer:
    judgement: Judgement
    found: Collected | None = None
    probes: Sequence[ProbeAnswer] = ()


def _untold(reason: str) -> Judgement:
    return Judgement(Verdict.UNVERIFIABLE, (reason,))


def _end(subject: Subject, answer: _Answer, baseline: EvidenceSnapshot | None) -> Done:
    judgement = answer.judgement
    objects = answer.found.last.objects if answer.found else {}
    lines = difference(baseline.objects if baseline else None, objects) if answer.found else []
    summary = masked(text(f"verify.{judgement.verdict.value}", reason=judgement.reasons[0]))
    verification = masked_values(
        {
            "reasons": list(judgement.reasons),
            "notes": list(judgement.notes),
            "difference": difference_json(lines),
            "samples": len(answer.found.case.samples) if answer.found else 0,
            **answers_json(answer.probes),
        }
    )
    seen = Seen.of(answer.found.last.at, objects) if answer.found else Seen(_now(), {})

    def write(session: Session) -> Mapping[str, Any]:
        evidence_id = store_after(
            session, subject.execution_id, seen, verdict=judgement.verdict, verification=verification
        )
        note_refused(session, subject.approval.id, verification)
        add_event(
            session,
            approval_id=subject.approval.id,
            incident_id=subject.incident_id,
            type="verified",
            status=_EVENT[judgement.verdict],
            title=text("timeline.verified", verdict=text(f"verdict.{judgement.verdict.value}")),
            description="; ".join(verification["reasons"]),
            actor="countersign",
            actor_role="executor",
            once_key=f"verified:{subject.execution_id}",
        )
        count_when_committed(session, VERDICTS, verdict=judgement.verdict.value)
        return {"evidence_id": str(evidence_id)}

    return Done(
        {"verdict": judgement.verdict.value, "reasons": verification["reasons"], "summary": summary}, write=write
    )


def _now() -> datetime:
    return datetime.now(UTC)
