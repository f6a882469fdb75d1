"""A target that records every effect, so that a second one is seen; and a network that loses what it is told to lose.

Two kinds of requests. A guarded one carries the object's version and takes effect only on that version, so it may
arrive at any time, even after its sender is dead. An unguarded one takes effect whenever it arrives: against a second
effect there is nothing but the records.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

from countersign.errors import AmbiguousTargetError, PermanentTargetError, PreconditionFailed, TransientTargetError
from countersign.targets.model import Impact, Inspection, Intent, Landed, ObjectRef, Plan, Receipt, Step

OBJECTS = ("n0", "n1")


class Fault(StrEnum):
    """What becomes of the next request."""

    NONE = "none"
    REFUSED = "refused"
    BUSY = "busy"
    LOST = "lost"
    REPLY_LOST = "reply_lost"
    LATE = "late"
    """It is under way and arrives when the model says so. An unguarded one is lost instead."""


@dataclass
class Target:
    """Objects with a version each; every effect is kept by the identity of its planned request."""

    refusals_are_final: ClassVar[bool] = False
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OBJECTS, 0))
    changed_by: dict[tuple[str, int], str] = field(default_factory=dict)
    """Whose effect made a version of an object."""
    effects: Counter[str] = field(default_factory=Counter)
    under_way: list[Step] = field(default_factory=list)
    fault: Fault = Fault.NONE

    def plan_of(self, identity: str, objects: Sequence[str], *, guarded: bool) -> Plan:
        """Return a plan with one step per object; `identity` names its requests."""
        refs = tuple(ObjectRef("model", "Number", None, name, name) for name in objects)
        steps = tuple(
            Step(
                key=f"{number}-{ref.name}",
                ref=ref,
                title=f"change {ref.name}",
                request={"identity": f"{identity}/{ref.name}", "guarded": guarded},
                before={"version": self.versions[ref.name]},
                wanted={},
            )
            for number, ref in enumerate(refs)
        )
        return Plan("model", "patch", refs, steps, Impact(), datetime.now(UTC).isoformat())

    def somebody_changes(self, name: str) -> None:
        """Let somebody else change an object."""
        self._change(name, "somebody")

    def arrive(self) -> None:
        """Let what is under way arrive. A refusal is told to nobody."""
        for step in self.under_way:
            if self._fits(step):
                self._take_effect(step)
        self.under_way.clear()

    def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
        intent.require(step)
        fault, self.fault = self.fault, Fault.NONE
        match fault:
            case Fault.REFUSED:
                raise PermanentTargetError("forbidden")
            case Fault.BUSY:
                raise TransientTargetError("too many requests")
            case Fault.LATE if step.request["guarded"]:
                self.under_way.append(step)
                raise AmbiguousTargetError("timed out")
            case Fault.LOST | Fault.LATE:
                raise AmbiguousTargetError("timed out")
        if step.request["guarded"] and not self._fits(step):
            raise PreconditionFailed("the version is another")
        self._take_effect(step)
        if fault is Fault.REPLY_LOST:
            raise AmbiguousTargetError("connection reset")
        return Receipt({})

    def inspect(self, plan: Plan, step: Step) -> Inspection:
        """Tell what the object shows. A guarded change that somebody built upon cannot be told any more."""
        name, identity = step.ref.name, step.request["identity"]
        if not step.request["guarded"]:
            landed = Landed.YES if self.effects[identity] else Landed.NO
            return Inspection(landed, "the target keeps a list", {})
        seen = {"version": self.versions[name]}
        if self._fits(step):
            return Inspection(Landed.NO, "as before", seen)
        if self.changed_by[name, self.versions[name]] == identity:
            return Inspection(Landed.YES, "as wanted", seen)
        return Inspection(Landed.UNCLEAR, "changed by somebody", seen)

    def _fits(self, step: Step) -> bool:
        return bool(self.versions[step.ref.name] == step.before["version"])

    def _take_effect(self, step: Step) -> None:
        self.effects[step.request["identity"]] += 1
        self._change(step.ref.name, step.request["identity"])

    def _change(self, name: str, by: str) -> None:
        self.versions[name] += 1
        self.changed_by[name, self.versions[name]] = by
