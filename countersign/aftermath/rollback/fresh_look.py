"""A fresh look before something is taken back: what has become healthy since the verdict stays as it is.

The verdict is minutes old when a runner died in between. What is wrong at the first look is decided at once; what
looks well is looked at for as long as a verification does, because a pod that crashes again and again looks well now
and then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic

from countersign.aftermath.subject import Subject
from countersign.aftermath.verification.collection import LONGEST_PAUSE, SHORTEST_PAUSE
from countersign.aftermath.verification.criteria import case_of, criteria_of
from countersign.aftermath.verification.probes import Look, criterion_of
from countersign.aftermath.verification.verdict import judge
from countersign.errors import Stopped
from countersign.execution.performance import progress_of
from countersign.execution.probes import ask_all, names_in, probes_for
from countersign.execution.scope import policy_for
from countersign.policy.probes import Probe
from countersign.records.database.engine import statements
from countersign.records.evidence import evidence_of
from countersign.records.states import EvidencePhase, Verdict
from countersign.targets.criteria import Criterion
from countersign.targets.model import Inspection, Plan, Target

SHARE = 4
"""Of the step's time one part in so many may be spent on looking."""


def has_recovered(subject: Subject, target: Target, plan: Plan, seen: Mapping[str, Inspection]) -> bool:
    """Tell whether everything that is asked of the action is met now, and nothing was wrong at any look.

    `seen` is what the target says of each step. Raises TransientTargetError, PermanentTargetError, Stopped.
    """
    with statements(subject.engine) as session:
        baseline = evidence_of(session, subject.execution_id).get(EvidencePhase.BEFORE)
    policy = policy_for(subject.services, subject.approval, subject.services.reread_policy())
    probes, _unknown = probes_for(policy, plan, names_in(subject.approval.details))
    # As if no further sample came: what is not well at this look counts.
    progress = progress_of(subject.engine, subject.seal, subject.execution_id, plan)
    case = replace(case_of(plan, baseline, progress), over=True)
    case = replace(case, inspections=seen)
    seconds = min(subject.services.settings.verify_collect_seconds, subject.seconds_left() / SHARE)
    pause = min(max(seconds / 15, SHORTEST_PAUSE), LONGEST_PAUSE)
    ends = monotonic() + seconds
    while True:
        objects = target.observe(plan).objects
        case = replace(case, samples=[*case.samples, objects], seen_at=[*case.seen_at, monotonic()])
        verdict = judge([*criteria_of(plan)(case), *_probed(probes)]).verdict
        if verdict not in (Verdict.EFFECTIVE, Verdict.UNVERIFIABLE):
            return False
        if monotonic() >= ends:
            return verdict is Verdict.EFFECTIVE
        if subject.stop.wait(pause):
            raise Stopped


def _probed(probes: Sequence[Probe]) -> list[Criterion]:
    return [
        criterion_of([Look(monotonic(), answer)], None, may_blame=False, lasting_seconds=0)
        for answer in ask_all(probes)
    ]
