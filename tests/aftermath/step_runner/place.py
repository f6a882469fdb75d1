"""An execution with its outcome and a few steps that the tests say what to do, without any target."""

from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.aftermath import step_runner
from countersign.aftermath.step_catalogue import StepKind
from countersign.aftermath.subject import Done, StepEnd, Subject
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.policy.loading import default_policy
from countersign.records.database.engine import transaction
from countersign.records.ledger import NewStep, steps_of
from countersign.records.outcomes import Outcome
from countersign.records.settlement import settle
from countersign.records.states import StepName
from countersign.records.tables import Execution, LedgerStep
from countersign.settings import Settings
from tests.records.builders import owned

FIRST, SECOND, THIRD = StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG


def services(engine: Engine, **settings: object) -> Services:
    """Return services that try again at once."""
    policy = default_policy()
    given = {"step_retry_seconds": 0.001, "replay_seconds": 0.001, **settings}
    return Services(Settings(**given), engine, policy, lambda: policy)  # type: ignore[arg-type]


def executed(engine: Engine, *steps: NewStep) -> UUID:
    """Settle an execution with these steps on its ledger; with one that waits for nothing unless said."""
    mine = owned(engine)
    with transaction(engine) as session:
        report = Report(
            approval_id=str(session.get_one(Execution, mine.execution_id).approval_id),
            action="kubectl rollout restart deployment/api -n prod",
            outcome="success",
            success=True,
            message="done",
            execution_id=str(mine.execution_id),
        )
        settle(
            session,
            mine,
            outcome=Outcome.SUCCESS,
            report=report.model_dump(mode="json"),
            steps=steps or (NewStep(FIRST, 1),),
        )
    return mine.execution_id


def let(
    monkeypatch: pytest.MonkeyPatch, name: StepName, do: Callable[[Subject], StepEnd], *, limit: float = 30
) -> None:
    """Say what the step `name` does, within `limit` seconds."""
    kinds = {**step_runner.STEPS, name: StepKind(do, lambda _settings: limit)}
    monkeypatch.setattr(step_runner, "STEPS", kinds)


def remembering(done: list[StepName]) -> Callable[[Subject], StepEnd]:
    """Return a step that notes that it was done."""

    def do(subject: Subject) -> StepEnd:
        done.append(subject.step.name)
        return Done({"by": str(subject.step.attempt)})

    return do


def rows(engine: Engine, execution_id: UUID) -> dict[StepName, LedgerStep]:
    with transaction(engine) as session:
        return {row.name: row for row in steps_of(session, execution_id)}


def row(engine: Engine, execution_id: UUID, name: StepName = FIRST) -> LedgerStep:
    return rows(engine, execution_id)[name]


def end_leases(engine: Engine) -> None:
    """Make every runner look long dead, and what is tried again later due, without waiting."""
    with transaction(engine) as session:
        session.execute(
            text("""
                UPDATE ledger_step SET due_at = clock_timestamp() - interval '10 minutes'
                WHERE status IN ('pending', 'running')
            """)
        )


def names(found: Sequence[tuple[UUID, StepName]]) -> set[StepName]:
    return {name for _execution, name in found}
