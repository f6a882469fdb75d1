"""Whether anybody takes runs, said before somebody waits for one: by `status`, and by `approvals run`."""

import json
import subprocess
import sys

from countersign.records.states import ApprovalStatus
from tests.stack.commands import countersign
from tests.stack.test_execute_approval import Office, fresh_log, office
from tests.stack.test_reconcile import paused_pool, status

__all__ = ["fresh_log", "office"]  # fixtures


def test_a_run_that_nobody_takes_is_waited_for_with_a_word_about_it(office: Office) -> None:
    approval_id = office.approved("NO_ACTION: quiet")
    command = [sys.executable, "-m", "countersign.cli", "approvals", "run", str(approval_id)]
    with paused_pool(office):
        waits = subprocess.Popen(command, env=office.stack.environment(), stderr=subprocess.PIPE, text=True)
        assert waits.stderr is not None
        assert "the work pool countersign is paused, so no run starts" in waits.stderr.readline()
        assert "prefect work-pool resume countersign" in waits.stderr.readline()
        seen = json.loads(countersign(office.stack.environment(), "status", "--json").stdout)
        assert seen["no_run_starts_because"] == "the work pool countersign is paused, so no run starts"
    waits.communicate()
    assert waits.returncode == 0
    assert status(office, approval_id) is ApprovalStatus.EXECUTED


def test_the_status_names_the_workers(office: Office) -> None:
    told = countersign(office.stack.environment(), "status")
    assert told.returncode == 0
    assert "Workers online in the pool countersign: " in told.stdout


def test_the_status_is_told_while_prefect_is_away(office: Office) -> None:
    away = {**office.stack.environment(), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    told = countersign(away, "status")
    assert told.returncode == 0, told.stderr
    assert "Kill switch: off" in told.stdout
    assert "Workers: Prefect's API does not answer (" in told.stdout
