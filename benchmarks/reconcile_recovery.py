"""How long an action whose worker is killed stays undone, with nobody looking: default settings, a whole stack.

The worker is killed (SIGKILL) while its request is under way; the schedule of reconciliation does the rest. Measured
from the kill to the outcome on record. Beside it stands what a user would do with Prefect alone: retries on the flow
do not run when their process is gone, so without reconciliation somebody has to notice.

    .venv/bin/python -m benchmarks.reconcile_recovery [--runs 3]
"""

import argparse
import os
import signal
import statistics
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

from benchmarks.stage import Stage, open_stage
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from sandbox.cluster import Effect, Fault

DEPLOYMENT = "/deployments/name/execute-approval/execute-approval"
TARGET_SECONDS = 60.0
PATIENCE = 180.0


def recovery(stage: Stage, approval_id: UUID) -> tuple[float, float]:
    """Kill the worker in the middle of the action; return the seconds to the outcome, and of the lease among them."""
    with stage.prefect() as http:
        fault = stage.cluster.add_fault(Fault(effect=Effect.PAUSE_AFTER))
        found = http.get(DEPLOYMENT).raise_for_status().json()
        stage.trigger(http, found["id"], approval_id)
    stage.cluster.wait_until_met(fault)
    for part in stage.stack.parts():
        if part.name.startswith("worker") and part.pid is not None:
            os.kill(part.pid, signal.SIGKILL)
    killed = time.monotonic()
    with transaction(stage.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        lease = (execution.lease_until - datetime.now(UTC)).total_seconds()
    stage.cluster.release(fault)
    while True:
        with transaction(stage.engine) as session:
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
    taken: list[tuple[float, float]] = []
    with open_stage(environment={}) as stage:
        for number in range(runs):
            action = f"kubectl label deployment/api killed-{number}=yes -n prod"
            taken.append(recovery(stage, stage.approve(action)))
        effects = len(stage.cluster.requests().mutations())
    seconds = [took for took, _ in taken]
    print(f"SIGKILL of the worker in the middle of an action to the outcome on record, {runs} runs, default settings")
    print(f"  median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s (target {TARGET_SECONDS:g} s)")
    print(f"  of that the rest of the lease: median {statistics.median(lease for _, lease in taken):.1f} s")
    print(f"  effects per action: {effects / runs:g}")
    print("  without reconciliation: never; nothing in Prefect runs again what its dead process had begun")
    return int(max(seconds) > TARGET_SECONDS or effects != runs)


if __name__ == "__main__":
    sys.exit(main())
