"""The deployed flows, with a run that waits at a named point when it is told to (tests.faults.servers.pauses)."""

from typing import Any
from uuid import UUID

from countersign.aftermath import step_runner
from countersign.execution.fault_points import At
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.records.database.engine import transaction
from countersign.records.queries import get_execution
from countersign.records.states import StepName, StepStatus
from flows import after_execution
from flows import execute_approval as deployed
from flows.reconcile import reconcile
from tests.faults.servers.pauses import from_environment

__all__ = ["execute_approval", "reconcile"]


class PausingRun(Run):
    """A run of the deployment; those of reconciliation do not wait."""

    def __init__(self, services: Services, approval_id: UUID, *, at: At, **given: Any) -> None:
        pause = from_environment().passing(approval_id)

        def both(point: str) -> None:
            at(point)
            pause(point)

        super().__init__(services, approval_id, at=both, **given)


def run_step(services: Services, execution_id: UUID, name: StepName, **given: Any) -> StepStatus | None:
    """Run a step that waits as it is told to."""
    with transaction(services.engine) as session:
        approval_id = get_execution(session, execution_id).approval_id
    return step_runner.run_step(services, execution_id, name, at=from_environment().passing(approval_id), **given)


after_execution.run_step = run_step
deployed.Run = PausingRun  # type: ignore[misc]
execute_approval = deployed.execute_approval
