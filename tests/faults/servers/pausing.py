"""The deployed flows, with a run that waits at a named point when it is told to (tests.faults.servers.pauses)."""

from typing import Any
from uuid import UUID

from countersign.execution.run import Run
from countersign.execution.services import Services
from flows import execute_approval as deployed
from flows.reconcile import reconcile
from tests.faults.servers.pauses import from_environment

__all__ = ["execute_approval", "reconcile"]


class PausingRun(Run):
    """A run of the deployment; those of reconciliation do not wait."""

    def __init__(self, services: Services, approval_id: UUID, **given: Any) -> None:
        super().__init__(services, approval_id, at=from_environment().passing(approval_id), **given)


deployed.Run = PausingRun  # type: ignore[misc]
execute_approval = deployed.execute_approval
