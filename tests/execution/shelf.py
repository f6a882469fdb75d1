"""A target small enough to be seen through: a shelf of numbers, and a network that loses requests and replies.

It obeys the contract of countersign.targets.model and nothing more, so that a property about performing can be
checked against every fault at every step, with the effects counted where they happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from countersign.actions.operation import Operation
from countersign.errors import (
    AmbiguousTargetError,
    PermanentTargetError,
    PreconditionFailed,
    TransientTargetError,
)
from countersign.targets.model import (
    Finding,
    Impact,
    Inspection,
    Intent,
    Landed,
    ObjectRef,
    Plan,
    Receipt,
    Resolution,
    Snapshot,
    Step,
)


class Fault(StrEnum):
    """What happens to one request."""

    NONE = "none"
    REFUSED = "refused"
    """The target says no for good."""
    BUSY = "busy"
    """The target says not now."""
    NOT_YET = "not_yet"
    """The target says not now, and when to ask again."""
    LOST = "lost"
    """The request never arrives, and nobody says so."""
    REPLY_LOST = "reply_lost"
    LATE = "late"
    """The request arrives after the target was asked whether it had."""
    DIES = "dies"
    """The process ends after the effect, before anything is written down."""
    DIES_BEFORE = "dies_before"
    FOREIGN = "foreign"
    """Somebody else changes the object; the reply is lost."""


class Died(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@dataclass
class Shelf:
    """Objects with a number each; a step sets one from `before` to `wanted`."""

    refusals_are_final: ClassVar[bool] = False

    faults: list[Fault] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    late: list[Step] = field(default_factory=list)
    sent: int = 0

    def plan_of(self, count: int, *, deadline_seconds: int | None = None) -> Plan:
        """Return a plan that sets `count` objects from 0 to 1."""
        refs = tuple(ObjectRef("shelf", "Number", None, f"n{i}", f"uid-{i}") for i in range(count))
        self.numbers = dict.fromkeys((ref.name for ref in refs), 0)
        steps = tuple(
            Step(f"{i}-set", ref, f"set {ref}", {"set": ref.name}, {"number": 0}, {"number": 1})
            for i, ref in enumerate(refs)
        )
        return Plan("shelf", "patch", refs, steps, Impact(), datetime.now(UTC).isoformat(), deadline_seconds)

    def resolve(self, operation: Operation) -> Resolution:
        raise NotImplementedError

    def plan(self, operation: Operation, resolution: Resolution, *, at: datetime) -> Plan:
        raise NotImplementedError

    def preflight(self, plan: Plan) -> tuple[Finding, ...]:
        return ()

    def observe(self, plan: Plan) -> Snapshot:
        return Snapshot(datetime.now(UTC).isoformat(), {})

    def invert(self, plan: Plan, *, generations: Mapping[str, int] | None = None) -> Plan | None:
        return None

    def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
        intent.require(step)
        self.sent += 1
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        match fault:
            case Fault.REFUSED:
                self.arrive()
                raise PermanentTargetError("forbidden")
            case Fault.BUSY:
                raise TransientTargetError("too many requests")
            case Fault.NOT_YET:
                raise TransientTargetError("a budget is used up", retry_after=0.01)
            case Fault.LOST:
                raise AmbiguousTargetError("timed out")
            case Fault.LATE:
                self.late.append(step)
                raise AmbiguousTargetError("timed out")
            case Fault.DIES_BEFORE:
                raise Died
            case Fault.FOREIGN:
                self.numbers[step.ref.name] = 7
                raise AmbiguousTargetError("connection reset")
        self.arrive()
        self._effect(step)
        if fault is Fault.REPLY_LOST:
            raise AmbiguousTargetError("connection reset")
        if fault is Fault.DIES:
            raise Died
        return Receipt({})

    def arrive(self) -> None:
        """Let what was under way arrive. A precondition that fails then is told to nobody."""
        for step in self.late:
            if self.numbers[step.ref.name] == step.before["number"]:
                self._change(step)
        self.late.clear()

    def inspect(self, plan: Plan, step: Step) -> Inspection:
        seen: Mapping[str, Any] = {"number": self.numbers[step.ref.name]}
        if seen == step.wanted:
            return Inspection(Landed.YES, "as wanted", seen)
        if seen == step.before:
            return Inspection(Landed.NO, "as before", seen)
        return Inspection(Landed.UNCLEAR, "neither as before nor as wanted", seen)

    def _effect(self, step: Step) -> None:
        if self.numbers[step.ref.name] != step.before["number"]:
            raise PreconditionFailed("the number is another")
        self._change(step)

    def _change(self, step: Step) -> None:
        self.numbers[step.ref.name] = step.wanted["number"]
        self.effects[step.ref.name] = self.effects.get(step.ref.name, 0) + 1
