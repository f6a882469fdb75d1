"""The words in which a target's criteria say whether an action had its effect.

Criteria are pure: they are given what was seen before, the samples taken afterwards and what became of the plan, and
answer with how each criterion stands. Which verdict that comes to is decided by whoever asks (aftermath.verifying).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from countersign.targets.model import Inspection, Plan

Facts = Mapping[str, Any]


class Standing(StrEnum):
    """How one criterion stands."""

    MET = "met"
    PENDING = "pending"
    """Not met, and nothing is wrong: more time may bring it."""
    FAILED = "failed"
    """Not met, and waiting does not help, or has not helped."""
    HARM = "harm"
    """What was healthy before the action is not healthy any more."""
    UNTOLD = "untold"
    """The target does not show it."""
    NOTE = "note"
    """Worth telling; decides nothing."""


@dataclass(frozen=True)
class Criterion:
    """One criterion's answer."""

    standing: Standing
    reason: str
    """A sentence for people."""
    final: bool = False
    """No later sample can change it."""
    under_way: bool = False
    """What it tells of still goes on, whatever it counts as."""


@dataclass(frozen=True)
class Case:
    """What criteria judge by."""

    plan: Plan
    before: Facts | None
    """By ObjectRef.key, as it was before the effect; None where nobody looked."""
    samples: Sequence[Facts]
    """The same after the effect, oldest first; at least one."""
    over: bool
    """No further sample will be taken."""
    touched: frozenset[str] = frozenset()
    """Keys of the objects on which a step took effect, or may have."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """By ObjectRef.key: the generation that our change made, where the target told."""
    inspections: Mapping[str, Inspection] | None = None
    """By Step.key: what the target says of each step; None while nobody has asked."""
    seen_at: Sequence[float] = ()
    """When each sample was taken, in seconds of one clock; nothing has lasted where it is empty."""
    lasting_seconds: float = 0
    """How long something has to be wrong before it counts as wrong for good."""

    def lasted(self, since: int) -> bool:
        """Tell whether what was first seen in sample `since` was seen twice, over as long as it takes."""
        if len(self.seen_at) != len(self.samples) or since >= len(self.samples) - 1:
            return False
        return self.seen_at[-1] - self.seen_at[since] >= self.lasting_seconds

    def quiet_seconds(self) -> float:
        """For how long everything has been as it is in the newest sample, in seconds; 0 where that is not known."""
        if not self.samples or len(self.seen_at) != len(self.samples):
            return 0.0
        newest, since = _decisive(self.samples[-1]), self.seen_at[-1]
        for sample, at in zip(reversed(self.samples), reversed(self.seen_at), strict=True):
            if _decisive(sample) != newest:
                break
            since = at
        return self.seen_at[-1] - since

    def now(self, key: str) -> Facts:
        """Return the newest facts of an object."""
        found: Facts = self.samples[-1].get(key) or {}
        return found

    def earlier(self, key: str) -> Facts | None:
        """Return the facts of an object in the sample before the newest one, None if there is none."""
        return self.samples[-2].get(key) if len(self.samples) > 1 else None

    def was(self, key: str) -> Facts | None:
        """Return the facts of an object before the effect, None where they are not known."""
        return None if self.before is None else self.before.get(key)


_MOVING = frozenset({"resourceVersion", "warnings", "warned_until"})


def _decisive(sample: Facts) -> dict[str, dict[str, Any]]:
    """Return a sample without what moves by itself."""
    return {key: {name: fact for name, fact in facts.items() if name not in _MOVING} for key, facts in sample.items()}


def without_blame(criteria: Sequence[Criterion]) -> list[Criterion]:
    """Return the criteria with what speaks against the action as untold: others may have caused it."""
    return [
        replace(each, standing=Standing.UNTOLD) if each.standing in (Standing.HARM, Standing.FAILED) else each
        for each in criteria
    ]


def harm_or_failure(case: Case, key: str, *, was_healthy: bool | None) -> Standing:
    """Return what a problem counts as: harm only if the object was healthy before and something of ours landed."""
    return Standing.HARM if was_healthy and key in case.touched else Standing.FAILED
