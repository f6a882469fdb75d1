"""What followed is shown beside the report: on the run's page and at the command line."""

from uuid import UUID

from countersign.aftermath.step_runner import run_steps
from countersign.escaping import markdown
from countersign.execution.approval_facts import approval_facts
from countersign.execution.follow_up import follow_up_of
from countersign.execution.markdown import render
from countersign.records.database.engine import transaction
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import LogStatus
from tests.aftermath.following import execution_id_of
from tests.aftermath.rollback.conftest import made_worse
from tests.execution.conftest import Office


def test_steps_verdict_difference_and_rollback_stand_beside_the_report(lenient: Office) -> None:
    report = made_worse(lenient)
    run_steps(lenient.services, execution_id_of(report), runner="r1")
    with transaction(lenient.services.engine) as session:
        followed = follow_up_of(session, execution_id_of(report))
        found = approval_facts(session, UUID(report.approval_id))
        back = rollback_of(session, execution_id_of(report))
        log = log_of(session, back.id) if back else None
    assert followed.rollback is not None
    assert (followed.rollback.outcome, followed.rollback.verdict) == ("success", "effective")
    page = render(report, followed, language="en")
    for words in (
        "Verification: worse",
        "PullBackOff",
        markdown("containers[app].image"),
        "web:missing",
        "## Rollback",
        "roll back",
    ):
        assert words in page
    assert "驗證：變差" in render(report, followed, language="zh-TW")
    first = next(each for each in found["executions"] if each["rolls_back"] is None)
    assert first["follow_up"]["verification"]["verdict"] == "worse"
    assert log is not None
    assert log.status is LogStatus.ROLLED_BACK
