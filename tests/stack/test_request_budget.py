"""What one execution asks Prefect's server for. A request more is a decision, made here."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.stack.api import PATIENCE
from tests.stack.counting import counted
from tests.stack.test_execute_approval import Office, office

__all__ = ["office"]

BUDGET: Mapping[str, int] = {
    # The claim, the beginning and the end of the run; the verification's end.
    "POST /flow_runs/ID/set_state": 4,
    # Whose it is, with what Prefect's engine would tell; its name; the tags of its outcome.
    "PATCH /flow_runs/ID": 3,
    # Verification, playbook and case: what ties each to the run, and its own run.
    "POST /task_runs/": 3,
    "POST /flow_runs/": 3,
    # The report, the verdict, the case; where what follows takes a while, the report as it was before and afterwards.
    "POST /artifacts/": 3,
    "PATCH /artifacts/ID": 1,
    # Kept for seconds: other runs share them.
    "GET /deployments/ID": 1,
    "GET /block_types/slug/countersign-kubernetes-cluster/block_documents": 1,
    "GET /block_types/slug/countersign-ssh-hosts/block_documents/name/default": 1,
    "GET /block_types/slug/countersign-notification-channels/block_documents/name/default": 1,
    "GET /variables/name/countersign_default_cluster": 1,
}
FOLLOWER = Counter({"POST /flow_runs/ID/set_state": 1})
TRIES = 4
"""A round of reconciliation asks, too, when something is due: what an execution needs, it needs each time."""
NOT_OF_A_RUN = (
    # Of the worker, as time goes by.
    "POST /work_pools/",
    "GET /work_pools/",
    "PATCH /work_pools/",
    "POST /flow_runs/filter",
    "GET /csrf-token",
    # Batches, by time.
    "POST /logs/",
)


def of_runs(found: Counter[str]) -> Counter[str]:
    return Counter({what: number for what, number in found.items() if not what.startswith(NOT_OF_A_RUN)})


def over_budget(office: Office, own_flows: Path, approval_id: str) -> Mapping[str, int]:
    """Execute, and return what was asked for more often than the budget allows."""
    before = of_runs(counted(own_flows))
    assert before, "nothing is counted"
    office.api.wait(office.trigger(approval_id))
    asked = of_runs(counted(own_flows)) - before
    return {what: number for what, number in asked.items() if number > BUDGET.get(what, 0)}


def asked_by_a_follower(office: Office, own_flows: Path, approval_id: str) -> Counter[str]:
    """Trigger an approval that is executed already, and return what was asked for."""
    before = of_runs(counted(own_flows))
    office.api.wait(office.trigger(approval_id))
    give_up = time.monotonic() + PATIENCE
    while not (asked := of_runs(counted(own_flows)) - before) and time.monotonic() < give_up:
        time.sleep(0.1)
    return asked - Counter({"GET /deployments/ID": 1})


def test_an_execution_keeps_to_its_budget_of_requests(office: Office, own_flows: Path) -> None:
    # Once for what a process asks once.
    office.api.wait(office.trigger(office.approved("kubectl label deployment/web counted=once -n prod")))
    for attempt in range(TRIES):
        approval_id = office.approved(f"kubectl label deployment/web counted=again-{attempt} -n prod")
        over = over_budget(office, own_flows, approval_id)
        if not over:
            break
    assert over == {}
    # A follower costs the request that tells it.
    for _ in range(TRIES):
        asked = asked_by_a_follower(office, own_flows, approval_id)
        if asked == FOLLOWER:
            break
    assert asked == FOLLOWER
