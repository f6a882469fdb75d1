"""How many statements what follows an execution costs the records: ten steps, each taken, done and ended."""

from countersign.aftermath.step_runner import run_steps
from countersign.records.states import StepStatus
from tests.aftermath.following import execution_id_of, ledger
from tests.execution.conftest import Office
from tests.execution.test_statement_budget import counted

BUDGET = 71
"""BEGIN and COMMIT among them, and no other round trips."""
AS_TIME_GOES_BY = (
    # A lease that is renewed, and what a verification that looks again sees so far.
    "UPDATE ledger_step SET due_at",
    "UPDATE ledger_step SET result",
    # Once for an installation.
    "SELECT trust_count_by",
)


def test_what_follows_a_restart_costs_no_more_statements_than_its_budget(office: Office) -> None:
    execution_id = execution_id_of(office.run(office.approved("kubectl rollout restart deployment/web -n staging")))
    with counted(office.services.engine) as every:
        run_steps(office.services, execution_id, runner="r1")
    ended = {row.status for row in ledger(office, execution_id).values()}
    assert ended == {StepStatus.DONE, StepStatus.SKIPPED}
    sent = [each for each in every if not each.startswith(AS_TIME_GOES_BY)]
    assert len(sent) <= BUDGET, "\n".join(sent)
    # Taken by itself, and committed with what it writes.
    assert sum(each.startswith("UPDATE ledger_step AS step") for each in sent) == len(ledger(office, execution_id))
