"""Asking the policy's probes after an action, and holding their answers against those from before."""

from collections.abc import Sequence
from time import monotonic

from countersign.aftermath.subject import Subject
from countersign.errors import Stopped
from countersign.execution.probing import ProbeAnswer, answers_from_json, ask_all, names_in, probes_for, seconds_of
from countersign.policy.probes import Probe
from countersign.records.tables import EvidenceSnapshot
from countersign.targets.criteria import Criterion, Standing
from countersign.targets.model import Plan
from countersign.texts import text

ASK_AGAIN_SECONDS = 1.0
ASKED_AT_MOST = 3
MARGIN_SECONDS = 2.0


def ask_probes(
    subject: Subject, plan: Plan, baseline: EvidenceSnapshot | None, *, ours: bool
) -> tuple[list[ProbeAnswer], list[Criterion]]:
    """Return the answers and how each counts. `ours`: something that the action did took effect. Raises Stopped.

    What is not met is asked again while there is time: a rollout takes a moment to be felt.
    """
    probes, unknown = probes_for(subject.services.policy, plan, names_in(subject.approval.details))
    answers = {each.name: each for each in ask_all(probes)}
    for _ in range(ASKED_AT_MOST - 1):
        again = [probe for probe in probes if not answers[probe.name].met]
        if not again or not _time_for(subject, again):
            break
        if subject.stop.wait(ASK_AGAIN_SECONDS):
            raise Stopped
        answers.update({each.name: each for each in ask_all(again)})
    before = answers_from_json(baseline.verification if baseline else None)
    criteria = [criterion_of(answer, before.get(answer.name), ours=ours) for answer in answers.values()]
    criteria += [Criterion(Standing.UNTOLD, text("probe.unknown", name=name)) for name in unknown]
    return list(answers.values()), criteria


def criterion_of(answer: ProbeAnswer, before: ProbeAnswer | None, *, ours: bool) -> Criterion:
    """Return what a probe's answer means: harm where it was met before and something of ours took effect. Pure."""
    reason = text("probe.said", name=answer.name, said=answer.said)
    if answer.met is None:
        return Criterion(Standing.UNTOLD, reason)
    if answer.met:
        return Criterion(Standing.MET, reason)
    harm = ours and before is not None and before.met
    return Criterion(Standing.HARM if harm else Standing.FAILED, reason)


def _time_for(subject: Subject, probes: Sequence[Probe]) -> bool:
    needed = ASK_AGAIN_SECONDS + max(seconds_of(probe) for probe in probes) + MARGIN_SECONDS
    return subject.deadline - monotonic() > needed
