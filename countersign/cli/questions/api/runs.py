"""Starting a run over the API, and following it to its end."""

import time
from typing import Final
from uuid import UUID

from countersign.cli.progress_lines import ProgressLines, say_what_it_waits_for
from countersign.cli.questions.api.installation import InstallationOverApi
from countersign.client import Client
from countersign.errors import NotApproved
from countersign.execution.report import Report
from countersign.execution.run_progress import RunProgress
from countersign.execution.run_report import require_report
from countersign.records.database.identifiers import short_id
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus

LOOK_SECONDS: Final = 0.5
OTHERS_SECONDS: Final = 60.0
"""How long somebody else's run is waited for."""


def run_over_api(client: Client, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
    """Start a run; return its report, or its id without waiting.

    Raises NotApproved where nothing was started; of what was executed already, the report is returned.
    """
    try:
        # Whoever typed the command has named the approval, which is asked for where its risk is critical.
        body = {"dry_run": dry_run, "confirm": short_id(approval_id)}
        started = client.post(f"/approvals/{approval_id}/execute", body)
    except NotApproved:
        earlier = _earlier(client, approval_id) if wait and not dry_run else None
        if earlier is None:
            raise
        return earlier
    flow_run_id = UUID(started["flow_run_id"])
    if not wait:
        return flow_run_id
    say_what_it_waits_for(InstallationOverApi(client).takers().obstacle)
    return _followed(client, approval_id, flow_run_id)


def _followed(client: Client, approval_id: UUID, flow_run_id: UUID) -> Report:
    lines = ProgressLines()
    while not (found := client.get(f"/approvals/{approval_id}/runs/{flow_run_id}"))["ended"]:
        if found["progress"] is not None:
            lines.tell(RunProgress(**found["progress"]))
        time.sleep(LOOK_SECONDS)
    return require_report(
        Report.model_validate(found["report"]) if found["report"] is not None else None,
        flow_run_id=flow_run_id,
        state=found["state"],
        message=found["message"],
        started=found["started"],
    )


def _earlier(client: Client, approval_id: UUID) -> Report | None:
    """Return the report of the run that somebody else started, once it has one."""
    if client.approval(str(approval_id))["status"] == ApprovalStatus.EXECUTING:
        client.wait(str(approval_id), seconds=OTHERS_SECONDS)
    for each in client.get(f"/approvals/{approval_id}/executions"):
        effective = not each["dry_run"] and each["rolls_back"] is None and each["outcome"] != Outcome.POSTPONED
        if effective and each["report"] is not None:
            return Report.model_validate({**each["report"], "performed_by_this_run": False})
    return None
