"""How far a plan got, read from the journal alone: what a run that takes over knows about the run before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from countersign.records.journal import StepProgress
from countersign.records.states import Answer
from countersign.targets.model import Plan


class StepResult(StrEnum):
    """What is known about one step."""

    NOT_SENT = "not_sent"
    """No request can have left: there is no intent on record, or each one says that it was kept back."""
    OPEN = "cannot_tell"
    """Sent or about to be, and not known what became of it."""
    LANDED = "landed"
    NOT_LANDED = "not_landed"
    """Refused, or seen on the target not to have happened."""


@dataclass(frozen=True)
class Progress:
    """What the journal says about every step of a plan, in the plan's order."""

    results: Mapping[str, StepResult]
    """By Step.key."""
    attempts: Mapping[str, int]
    """Requests that may have left, by Step.key."""
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The last answer of each landed step, by Step.key."""
    given_up: frozenset[str] = frozenset()
    """Steps that have not landed, a request of which had no answer: it may still be under way. By Step.key."""

    @property
    def anything_sent(self) -> bool:
        """True when at least one request may have left."""
        return any(self.attempts.values())

    @property
    def landed(self) -> int:
        """How many steps landed."""
        return sum(result is StepResult.LANDED for result in self.results.values())

    @property
    def complete(self) -> bool:
        """True when every step landed; a plan without steps is complete."""
        return self.landed == len(self.results)

    @property
    def uncertain(self) -> bool:
        """True when a step may have landed and nobody knows."""
        return StepResult.OPEN in self.results.values()


NOTHING = Progress({}, {})


def progress_through(plan: Plan, journal: Mapping[str, StepProgress]) -> Progress:
    """Return the progress of `plan`, given what `records.journal.progress` made of its journal."""
    return Progress(
        {step.key: _result(journal.get(step.key)) for step in plan.steps},
        {step.key: journal[step.key].attempts if step.key in journal else 0 for step in plan.steps},
        {
            step.key: journal[step.key].detail
            for step in plan.steps
            if step.key in journal and journal[step.key].landed
        },
        frozenset(
            step.key
            for step in plan.steps
            if step.key in journal and journal[step.key].given_up and not journal[step.key].landed
        ),
    )


def _result(known: StepProgress | None) -> StepResult:
    if known is None or not known.attempts:
        return StepResult.NOT_SENT
    if known.landed:
        return StepResult.LANDED
    if known.open or known.last_answer is None or known.last_answer is Answer.UNCLEAR:
        return StepResult.OPEN
    return StepResult.NOT_LANDED
