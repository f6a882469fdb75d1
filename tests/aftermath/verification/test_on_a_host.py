"""Verifications on a host whose programs can be told to misbehave."""

import pytest

from countersign.execution.report import Report
from countersign.records.states import StepName, StepStatus
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.test_on_a_host import MUTATIONS, RESTART, HostOffice, host, there

__all__ = ["host", "there"]


def verdict_of(there: HostOffice, report: Report) -> str:
    assert report.outcome == "success", report.message
    step = run_one(there.office, execution_id_of(report), StepName.VERIFY)
    assert step.status is StepStatus.DONE, step.error or step.reason
    return str((step.result or {})["verdict"])


@pytest.mark.parametrize("action", [action for action, *_ in MUTATIONS])
def test_what_runs_again_is_effective(there: HostOffice, action: str) -> None:
    assert verdict_of(there, there.perform(action)) == "effective"


def test_a_unit_that_does_not_stay_up_is_worse(there: HostOffice) -> None:
    report = there.perform(RESTART)
    with there.host.state() as state:
        state["units"]["nginx.service"]["ActiveState"] = "failed"
    assert verdict_of(there, report) == "worse"


def test_a_unit_that_was_not_up_before_is_no_harm(there: HostOffice) -> None:
    with there.host.state() as state:
        state["units"]["nginx.service"]["ActiveState"] = "failed"
    report = there.perform(RESTART)
    with there.host.state() as state:
        state["units"]["nginx.service"]["ActiveState"] = "failed"
    assert verdict_of(there, report) == "ineffective"


def test_a_diagnosis_is_not_verified(there: HostOffice) -> None:
    report = there.perform("ssh web-1 uptime")
    assert run_one(there.office, execution_id_of(report), StepName.VERIFY).status is StepStatus.SKIPPED
