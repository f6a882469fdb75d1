"""How long an action whose worker is killed stays undone, with nobody looking: default settings, a whole stack.

The worker is killed (SIGKILL) while its request is under way; the schedule of reconciliation does the rest. Measured
from the kill to the outcome on record. Beside it stands what a user would do with Prefect alone: retries on the flow
do not run when their process is gone, so without reconciliation somebody has to notice.

    .venv/bin/python benchmarks/reconcile_recovery.py [--runs 3]
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.services import Services
from countersign.local.postgres import THROWAWAY
from countersign.local.stack import Stack
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database.engine import connect, transaction
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from countersign.settings import Settings
from sandbox.cluster import ControlClient, Effect, Fault
from sandbox.demo.household import PEOPLE, Household, make_household, save_blocks

PROJECT = Path(__file__).parent.parent
DEPLOYMENT = "/deployments/name/execute-approval/execute-approval"
TARGET_SECONDS = 60.0
PATIENCE = 180.0


def approved(services: Services, household: Household, action: str) -> UUID:
    """File `action` and have it signed."""
    with transaction(services.engine) as session:
        request = Request(action=action, requested_by="carol", risk_level="medium")
        approval = file_request(session, request, policy=services.policy, now=datetime.now(UTC)).approval
        for name in PEOPLE[: approval.required_signatures]:
            key = household.keys[name]
            sign_approval(session, services, approval, signer=name, key=key, decision=Decision.APPROVE)
        return approval.id


def recovery(stack: Stack, services: Services, cluster: ControlClient, approval_id: UUID) -> tuple[float, float]:
    """Kill the worker in the middle of the action; return the seconds to the outcome, and of the lease among them."""
    with httpx.Client(base_url=stack.addresses.api_url, timeout=30) as http:
        fault = cluster.add_fault(Fault(effect=Effect.PAUSE_AFTER))
        found = http.get(DEPLOYMENT).raise_for_status().json()
        body = {"parameters": {"approval_id": str(approval_id)}, "state": {"type": "SCHEDULED"}}
        http.post(f"/deployments/{found['id']}/create_flow_run", json=body).raise_for_status()
    cluster.wait_until_met(fault)
    for part in stack.parts():
        if part.name.startswith("worker") and part.pid is not None:
            os.kill(part.pid, signal.SIGKILL)
    killed = time.monotonic()
    with transaction(services.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        lease = (execution.lease_until - datetime.now(UTC)).total_seconds()
    cluster.release(fault)
    while True:
        with transaction(services.engine) as session:
            status = get_approval(session, approval_id).status
        took = time.monotonic() - killed
        if status is not ApprovalStatus.EXECUTING:
            assert status is ApprovalStatus.EXECUTED, status
            return took, lease
        if took > PATIENCE:
            raise SystemExit(f"nothing recovered the execution within {PATIENCE:g} s")
        time.sleep(0.1)


def main() -> int:
    """Measure, print, and fail above the target."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--runs", type=int, default=3, help="workers killed (default 3)")
    runs = options.parse_args().runs
    household = make_household()
    taken: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with Stack(Path(name) / "state", project=PROJECT, postgres_options=THROWAWAY) as stack:
            assert stack.addresses.kubeconfig is not None
            kubeconfig = stack.addresses.kubeconfig.read_text()
            with temporary_settings({PREFECT_API_URL: stack.addresses.api_url}):
                asyncio.run(save_blocks(household, SecretStr(kubeconfig)))
            cluster = ControlClient.from_kubeconfig(kubeconfig)
            policy = load_policy(household.policy)
            engine = connect(SecretStr(stack.addresses.database_url), timeout=5)
            services = Services(Settings(_env_file=None), engine, policy, lambda: policy)
            for number in range(runs):
                action = f"kubectl label deployment/api killed-{number}=yes -n prod"
                taken.append(recovery(stack, services, cluster, approved(services, household, action)))
            effects = len(cluster.requests().mutations())
            engine.dispose()
    seconds = [took for took, _ in taken]
    print(f"SIGKILL of the worker in the middle of an action to the outcome on record, {runs} runs, default settings")
    print(f"  median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s (target {TARGET_SECONDS:g} s)")
    print(f"  of that the rest of the lease: median {statistics.median(lease for _, lease in taken):.1f} s")
    print(f"  effects per action: {effects / runs:g}")
    print("  without reconciliation: never; nothing in Prefect runs again what its dead process had begun")
    return int(max(seconds) > TARGET_SECONDS or effects != runs)


if __name__ == "__main__":
    sys.exit(main())
