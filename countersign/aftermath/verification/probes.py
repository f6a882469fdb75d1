"""Asking the policy's probes after an action, and holding their answers against those from before."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from countersign.aftermath.subject import Subject
from countersign.aftermath.verification.collection import Window
from countersign.errors import Stopped
from countersign.execution.probes import ProbeAnswer, answers_from_json, ask_all, names_in, probes_for, seconds_of
from countersign.execution.scope import policy_for
from countersign.policy.probes import Probe
from countersign.records.tables import EvidenceSnapshot
from countersign.targets.criteria import Criterion, Standing
from countersign.targets.model import Plan
from countersign.texts import text

ASK_AGAIN_SECONDS = 1.0
ASKED_AT_MOST = 3
MARGIN_SECONDS = 2.0


class Asking:
    """The probes of one verification: asked while the target is looked at, and again at the end."""

    def __init__(self, subject: Subject, plan: Plan, baseline: EvidenceSnapshot | None, window: Window) -> None:
        self._subject, self._window = subject, window
        self._probes, self._unknown = probes_for(
            policy_for(subject.services, subject.approval), plan, names_in(subject.approval.details)
        )
        self._before = answers_from_json(baseline.verification if baseline else None)
        self._looks: dict[str, list[Look]] = {probe.name: [] for probe in self._probes}

    def look(self) -> bool:
        """Ask every probe, if the last time was long enough ago and the window leaves the time.

        Return whether nothing speaks against the newest answers.
        """
        now = monotonic()
        apart = max(self._window.lasting_seconds / 2, ASK_AGAIN_SECONDS)
        last = max((looks[-1].at for looks in self._looks.values() if looks), default=now - apart)
        if self._window.is_empty or now - last < apart or not self._time_for(self._probes):
            return self._well()
        self._ask(self._probes)
        return self._well()

    def answers(self) -> list[ProbeAnswer]:
        """Ask a last time and return the answers. Raises Stopped.

        What is not met is asked again while there is time: a rollout takes a moment to be felt.
        """
        self._ask(self._probes)
        for _ in range(ASKED_AT_MOST - 1):
            again = [probe for probe in self._probes if not self._looks[probe.name][-1].answer.met]
            if not again or not self._time_for(again):
                break
            if self._subject.stop.wait(ASK_AGAIN_SECONDS):
                raise Stopped
            self._ask(again)
        return [looks[-1].answer for looks in self._looks.values()]

    def criteria(self, *, may_blame: bool) -> list[Criterion]:
        """Return how each probe counts. `may_blame`: our effect is there, and nothing is under way any more."""
        lasting = self._window.lasting_seconds
        found = [
            criterion_of(looks, self._before.get(name), may_blame=may_blame, lasting_seconds=lasting)
            for name, looks in self._looks.items()
        ]
        return [*found, *(Criterion(Standing.UNTOLD, text("probe.unknown", name=name)) for name in self._unknown)]

    def _well(self) -> bool:
        return all(looks and looks[-1].answer.met for looks in self._looks.values())

    def _ask(self, probes: Sequence[Probe]) -> None:
        for answer in ask_all(probes):
            self._looks[answer.name].append(Look(monotonic(), answer))

    def _time_for(self, probes: Sequence[Probe]) -> bool:
        needed = ASK_AGAIN_SECONDS + max((seconds_of(probe) for probe in probes), default=0.0) + MARGIN_SECONDS
        return self._subject.deadline - monotonic() > needed


@dataclass(frozen=True)
class Look:
    """One answer, and when it came in seconds of monotonic()."""

    at: float
    answer: ProbeAnswer


def criterion_of(
    looks: Sequence[Look], before: ProbeAnswer | None, *, may_blame: bool, lasting_seconds: float
) -> Criterion:
    """Return what a probe's answers mean, oldest first. Pure.

    Harm is what was met before, may be blamed on the action, and was unmet at every look for long enough.
    """
    answer = looks[-1].answer
    reason = text("probe.said", name=answer.name, said=answer.said)
    if answer.met is None:
        return Criterion(Standing.UNTOLD, reason)
    if answer.met:
        return Criterion(Standing.MET, reason)
    unmet = len(looks) > 1 and all(look.answer.met is False for look in looks)
    lasted = unmet and looks[-1].at - looks[0].at >= lasting_seconds
    harm = may_blame and lasted and before is not None and before.met
    return Criterion(Standing.HARM if harm else Standing.FAILED, reason)
