"""From the API call to the effect at the cluster: the real flow, by the warm worker and by what Prefect comes with.

The same flow, approvals, server and cluster for all, turn by turn, each at a moment of its own: Prefect's workers
poll, and a trigger in phase with a poll would flatter or slight them. Prefect's process worker is measured with its
default poll (10 s) and with the shortest sensible one (1 s), `flow.serve` with its default.

    .venv/bin/python -m benchmarks.trigger [--runs 30] [--slow-runs 8] [--json FILE]
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks.stage import PROJECT, Stage, names, open_stage, restart_of, spread

PATIENCE_SECONDS = 120.0
FLOW = "flows.execute_approval.execute_approval"
WARM = "warm worker"
SERVE = "from flows.execute_approval import execute_approval; execute_approval.serve(name='served')"
LONGEST_PAUSE = 2.0
"""Between two triggers, at most: a random part of it puts each at a moment of its own."""


def triggered(stage: Stage, http: httpx.Client, deployment: str, name: str) -> float:
    """Approve a restart, trigger it, and return the seconds from the call to the effect."""
    approval_id = stage.approve(restart_of(name))
    stage.cluster.forget_requests()
    time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - no secret
    began = time.time()
    stage.trigger(http, deployment, approval_id)
    stage.wait(lambda: name in stage.effects(), seconds=PATIENCE_SECONDS, what=f"the effect of {name}")
    return stage.effects()[name] - began


@contextmanager
def prefects_own(stage: Stage, *command: str, **settings: str) -> Iterator[None]:
    """Run one of Prefect's own ways to take runs."""
    environment = {**stage.stack.environment(), **settings}
    quiet = subprocess.DEVNULL
    worker = subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=environment, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        # Nothing runs any more; Prefect's worker would take its time.
        worker.kill()
        worker.wait()


def process_deployment(http: httpx.Client, name: str) -> str:
    """Make a process pool called `name` with a deployment of the flow; return the deployment's id."""
    template = {"job_configuration": {"labels": {}}, "variables": {"type": "object", "properties": {}}}
    pool = {"name": name, "type": "process", "base_job_template": template}
    http.post("/work_pools/", json=pool).raise_for_status()
    flow = http.post("/flows/", json={"name": "execute-approval"}).raise_for_status().json()["id"]
    # As prefect.yaml says it. Where a path stands instead, each run copies the whole folder first.
    here = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]
    body = {"name": name, "flow_id": flow, "entrypoint": FLOW, "work_pool_name": name, "pull_steps": here}
    found: str = http.post("/deployments/", json=body).raise_for_status().json()["id"]
    return found


def deployed(stage: Stage, http: httpx.Client, name: str) -> str:
    """Return the id of a deployment of the flow, once there is one."""
    address = f"/deployments/name/execute-approval/{name}"
    stage.wait(lambda: http.get(address).is_success, seconds=PATIENCE_SECONDS, what=f"the deployment {name}")
    found: str = http.get(address).raise_for_status().json()["id"]
    return found


def main() -> None:
    """Measure and print medians and ratios."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--runs", type=int, default=30, help="triggers of the warm worker (default 30)")
    options.add_argument("--slow-runs", type=int, default=8, help="triggers of each of the others (default 8)")
    options.add_argument("--json", type=Path, default=None, metavar="FILE", help="write every figure there, too")
    chosen = options.parse_args()
    with ExitStack() as close:
        stage = close.enter_context(open_stage(deployments=chosen.runs + 3 * chosen.slow_runs + 4))
        http = close.enter_context(stage.prefect())
        deployments = {
            WARM: deployed(stage, http, "execute-approval"),
            "process worker, default": process_deployment(http, "process"),
            "process worker, 1 s poll": process_deployment(http, "process-1s"),
        }
        start = ("-m", "prefect", "worker", "start", "--type", "process", "--pool")
        close.enter_context(prefects_own(stage, *start, "process"))
        close.enter_context(prefects_own(stage, *start, "process-1s", PREFECT_WORKER_QUERY_SECONDS="1"))
        close.enter_context(prefects_own(stage, "-c", SERVE))
        deployments["flow.serve, default"] = deployed(stage, http, "served")
        fresh = iter(names(chosen.runs + 3 * chosen.slow_runs + 4))
        for deployment in deployments.values():
            # The first run of each pays for what the later ones find ready.
            triggered(stage, http, deployment, next(fresh))
        taken: dict[str, list[float]] = {label: [] for label in deployments}
        for turn in range(max(chosen.runs, chosen.slow_runs)):
            for label, deployment in deployments.items():
                if turn < (chosen.runs if label == WARM else chosen.slow_runs):
                    taken[label].append(triggered(stage, http, deployment, next(fresh)))
    warm = statistics.median(taken[WARM])
    print("API call to the effect at the cluster, one trigger at a time")
    for label, seconds in taken.items():
        print(f"  {label:26} {spread(seconds)}, {len(seconds)} runs, {statistics.median(seconds) / warm:5.1f} x")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(taken, indent=1))


if __name__ == "__main__":
    main()
