"""Executions with their outcomes and verdicts, without a target: what learning and playbooks look at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from countersign.aftermath.step_runner import run_step
from countersign.execution.filing import parameters_of, reading_of, target_of
from countersign.execution.next_steps import steps_after
from countersign.execution.report import Report, StepReport
from countersign.execution.services import Services
from countersign.policy.document import Policy
from countersign.records.database.engine import transaction
from countersign.records.ledger import end_step, steps_of, take_step
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import find_playbook, get_playbook, list_playbooks
from countersign.records.settlement import settle
from countersign.records.states import StepName
from countersign.records.tables import Incident, LedgerStep, Playbook
from countersign.settings import Settings
from tests.records.builders import owned

RESTART = "kubectl rollout restart deployment/api -n prod"
ALERT = "KubePodCrashLooping"


@dataclass(frozen=True)
class Desk:
    """Makes executions that have ended, and runs their steps."""

    services: Services

    @property
    def engine(self) -> Engine:
        return self.services.engine

    def with_settings(self, **changes: object) -> "Desk":
        return Desk(replace(self.services, settings=self.services.settings.model_copy(update=changes)))

    def incident(self, name: str = "INC-1", **fields: Any) -> str:
        """Put an incident on record."""
        with transaction(self.engine) as session:
            row = {"signals": {"alertname": ALERT, "namespace": "prod"}, "alert_category": "crash_loop", **fields}
            session.add(Incident(id=name, **row))
        return name

    def ended(
        self,
        action: str = RESTART,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        verdict: str | None = "effective",
        steps: int = 1,
        step_result: str = "landed",
        code: str | None = None,
        **approval: Any,
    ) -> UUID:
        """Return an execution that has ended, with its verification's verdict on the ledger."""
        reading = reading_of(action)
        wanted = {"incident_id": "INC-1", **approval}
        owner = owned(
            self.engine, action=action, target=target_of(reading), parameters=parameters_of(reading), **wanted
        )
        report = Report(
            approval_id=str(owner.execution_id),
            action=action,
            outcome=outcome.value,
            success=outcome.is_success,
            message="done",
            code=code,
            operation=dict(reading),
            steps=tuple(StepReport(key=f"s{n}", title="step", result=step_result) for n in range(steps)),
        )
        with transaction(self.engine) as session:
            settle(
                session,
                owner,
                outcome=outcome,
                report=report.model_dump(mode="json"),
                steps=steps_after(),
            )
            taken = take_step(session, owner.execution_id, StepName.VERIFY, runner="t", lease_seconds=60)
            assert taken is not None
            if verdict is None:
                end_step(session, taken, skipped="verification is switched off")
            else:
                end_step(session, taken, result={"verdict": verdict, "reasons": []})
        return owner.execution_id

    def learnt(self, *args: Any, **fields: Any) -> LedgerStep:
        """Return the ended learn step of a run."""
        return self.step(self.ended(*args, **fields), StepName.LEARN)

    def extracted(self, *args: Any, **fields: Any) -> LedgerStep:
        """Return the ended extraction step of a run that was learnt from."""
        execution_id = self.ended(*args, **fields)
        self.step(execution_id, StepName.LEARN)
        return self.step(execution_id, StepName.EXTRACT_PLAYBOOK)

    def step(self, execution_id: UUID, name: StepName) -> LedgerStep:
        """Run one step and return its row."""
        run_step(self.services, execution_id, name, runner="r1")
        with transaction(self.engine) as session:
            return next(row for row in steps_of(session, execution_id) if row.name is name)

    def playbooks(self) -> list[Playbook]:
        with transaction(self.engine) as session:
            return list(list_playbooks(session))

    def playbook(self, reference: str) -> Playbook:
        with transaction(self.engine) as session:
            return get_playbook(session, reference)

    def no_playbook(self, reference: str) -> bool:
        with transaction(self.engine) as session:
            return find_playbook(session, reference) is None


@pytest.fixture
def desk(engine: Engine) -> Desk:
    policy = Policy()
    settings = Settings(step_retry_seconds=0.01)
    return Desk(
        Services(settings=settings, engine=engine, policy=policy, reread_policy=lambda: policy, signing_secrets={})
    )


def result_of(row: LedgerStep) -> Mapping[str, Any]:
    """Return the result of a step that was done."""
    assert row.status == "done", (row.status, row.reason, row.error)
    return row.result or {}


def now() -> datetime:
    return datetime.now(UTC)
