"""Going on after an execution: run its steps as reconciliation would, and look at the ledger."""

from uuid import UUID

from countersign.aftermath.step_runner import run_step, run_steps
from countersign.execution.report import Report
from countersign.records.database.engine import transaction
from countersign.records.ledger import steps_of
from countersign.records.states import StepName
from countersign.records.tables import LedgerStep
from tests.execution.conftest import Office


def execution_id_of(report: Report) -> UUID:
    """Return the execution that `report` tells of."""
    assert report.execution_id is not None
    return UUID(report.execution_id)


def follow(office: Office, report: Report, *, runner: str = "r1") -> dict[StepName, LedgerStep]:
    """Run every step that follows, and return the ledger."""
    run_steps(office.services, execution_id_of(report), runner=runner)
    return ledger(office, execution_id_of(report))


def run_one(office: Office, execution_id: UUID, name: StepName, *, runner: str = "r1") -> LedgerStep:
    """Run one step, if it may begin, and return its row."""
    run_step(office.services, execution_id, name, runner=runner)
    return ledger(office, execution_id)[name]


def ledger(office: Office, execution_id: UUID) -> dict[StepName, LedgerStep]:
    """Return the execution's steps by name."""
    with transaction(office.services.engine) as session:
        return {row.name: row for row in steps_of(session, execution_id)}
