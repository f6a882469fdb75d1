"""What a step after an execution works on, and the ways in which it can end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.aftermath.incidents.incident_of import incident_id_of
from countersign.errors import TookTooLong
from countersign.execution.plan_seal import Seal
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.records.database.engine import statements
from countersign.records.ledger import TakenStep, steps_of
from countersign.records.plans import StoredPlan
from countersign.records.queries import execution_with_approval
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import Approval, Execution, LedgerStep
from countersign.targets.model import Plan

Write = Callable[[Session], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Done:
    """The step did what it is there for."""

    result: Mapping[str, Any] = field(default_factory=dict)
    """Kept on the ledger, for people and for the steps behind this one; JSON, without secrets."""
    write: Write | None = None
    """Writes to the records in the transaction that ends the step: both happen once, or neither. What it returns is
    added to the result."""


@dataclass(frozen=True)
class Skipped:
    """There was nothing to do, for this reason."""

    reason: str


StepEnd = Done | Skipped


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One execution with its outcome, as the step `step` sees it."""

    services: Services
    step: TakenStep
    execution: Execution
    approval: Approval
    deadline: float
    """monotonic(); the step counts as failed when it takes longer."""
    stop: Event
    """Set when the run is to end: a long wait should end early, by raising Stopped."""

    @property
    def engine(self) -> Engine:
        """Countersign's database."""
        return self.services.engine

    @property
    def seal(self) -> Seal:
        """The seal of plans and journals."""
        return self.services.seal

    @cached_property
    def report(self) -> Report:
        """The report of the execution."""
        return Report.model_validate(self.execution.report or {})

    @cached_property
    def earlier(self) -> Mapping[StepName, LedgerStep]:
        """The execution's steps as they are when one is first asked about. Raises DatabaseUnavailable.

        Those that this one waits for have ended.
        """
        with statements(self.engine) as session:
            return {one.name: one for one in steps_of(session, self.execution_id)}

    @property
    def execution_id(self) -> UUID:
        """The execution that the step follows."""
        return self.execution.id

    @property
    def incident_id(self) -> str | None:
        """The incident that the action was meant to fix, if one is named."""
        return incident_id_of(self.approval)

    @property
    def plan(self) -> Plan | None:
        """The plan, None where the action had none or did not get that far. Raises Tampered."""
        stored = self.execution
        if stored.plan is None:
            return None
        return self.seal.plan(
            stored.id, StoredPlan(stored.plan, str(stored.plan_hash), stored.plan_mac, stored.rolls_back)
        )

    def result_of(self, name: StepName) -> Mapping[str, Any] | None:
        """Return the result of an earlier step that was done, else None."""
        step = self.earlier.get(name)
        return step.result or {} if step is not None and step.status is StepStatus.DONE else None

    def seconds_left(self) -> float:
        """Return how many seconds the step still has. Raises TookTooLong when there are none."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise TookTooLong(f"step {self.step.name} did not end in time")
        return left


StepFunction = Callable[[Subject], StepEnd]


def subject_of(services: Services, step: TakenStep, *, deadline: float, stop: Event) -> Subject:
    """Read what the step works on. Raises DatabaseUnavailable."""
    with statements(services.engine) as session:
        execution, approval = execution_with_approval(session, step.execution_id)
    return Subject(services=services, step=step, execution=execution, approval=approval, deadline=deadline, stop=stop)
