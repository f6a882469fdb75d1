"""How long from the API call to the flow's first line: the warm worker against Prefect's process worker.

Both serve the same Prefect server in the same run, turn by turn, so that the machine's load is the same for
both. The process worker is measured with its default poll (10 s) and with the shortest sensible one (1 s).

    .venv/bin/python benchmarks/worker_pickup.py [--runs 5]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from countersign.local.postgres import THROWAWAY
from countersign.local.stack import Stack
from countersign.worker.declared import GROUP

FLOW = """
import time
from pathlib import Path
from prefect import flow

@flow
async def first_line(file: str) -> None:
    now = time.time()
    Path(file + ".new").write_text(repr(now))
    Path(file + ".new").rename(file)
"""
PATIENCE = 90.0


class Pool:
    """One work pool with a deployment of the flow; `pickup` measures one run."""

    def __init__(self, http: httpx.Client, *, name: str, kind: str, flow: Path) -> None:
        self._http = http
        self._folder = flow.parent
        self._count = 0
        self.name = name
        template = {"job_configuration": {"labels": {}}, "variables": {"type": "object", "properties": {}}}
        if name != "countersign":
            self._post("/work_pools/", {"name": name, "type": kind, "base_job_template": template})
        flow_id = self._post("/flows/", {"name": "first-line"})["id"]
        body = {"name": name, "flow_id": flow_id, "entrypoint": f"{flow.stem}.first_line", "work_pool_name": name}
        self._deployment = self._post("/deployments/", body)["id"]

    def pickup(self) -> float:
        """Return the seconds from the API call to the flow's first line."""
        self._count += 1
        file = self._folder / f"{self.name}-{self._count}"
        asked = time.time()
        body = {"parameters": {"file": str(file)}, "state": {"type": "SCHEDULED"}}
        self._post(f"/deployments/{self._deployment}/create_flow_run", body)
        while not file.exists():
            if time.time() - asked > PATIENCE:
                raise SystemExit(f"{self.name}: no run within {PATIENCE:g} s")
            time.sleep(0.005)
        return float(file.read_text()) - asked

    def _post(self, path: str, body: dict[str, object]) -> dict[str, str]:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        found: dict[str, str] = answer.json()
        return found


@contextmanager
def process_worker(stack: Stack, pool: str, **settings: str) -> Iterator[None]:
    """Run Prefect's own process worker on `pool`."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    quiet = subprocess.DEVNULL
    worker = subprocess.Popen(command, env={**stack.environment(), **settings}, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        # Nothing runs any more; Prefect's worker would take its time.
        worker.kill()
        worker.wait()


def main() -> None:
    """Measure and print medians and ratios."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--runs", type=int, default=5, help="runs per worker (default 5)")
    runs = options.parse_args().runs
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name,
        ExitStack() as close,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        flow = folder / "measured.py"
        flow.write_text(FLOW)
        declared = folder / "measured-1.dist-info"
        declared.mkdir()
        (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: measured\nVersion: 1\n")
        (declared / "entry_points.txt").write_text(f"[{GROUP}]\nmeasured = measured:first_line\n")
        options_for_all = {"project": folder, "sandbox": False, "postgres_options": THROWAWAY}
        environment = {"PYTHONPATH": str(folder)}
        stack = close.enter_context(Stack(folder / "state", environment=environment, **options_for_all))
        addresses = stack.addresses
        http = close.enter_context(httpx.Client(base_url=addresses.api_url, auth=addresses.login(), timeout=30))
        pools = {
            "warm worker": Pool(http, name="countersign", kind="countersign-warm", flow=flow),
            "process worker, default": Pool(http, name="process", kind="process", flow=flow),
            "process worker, 1 s poll": Pool(http, name="process-1s", kind="process", flow=flow),
        }
        close.enter_context(process_worker(stack, "process"))
        close.enter_context(process_worker(stack, "process-1s", PREFECT_WORKER_QUERY_SECONDS="1"))
        for pool in pools.values():
            pool.pickup()  # the first run of each pays for what the later ones find ready
        seconds: dict[str, list[float]] = {label: [] for label in pools}
        for _ in range(runs):
            for label, pool in pools.items():
                seconds[label].append(pool.pickup())
    warm = statistics.median(seconds["warm worker"])
    print(f"API call to the flow's first line, {runs} runs each")
    for label, taken in seconds.items():
        median = statistics.median(taken)
        print(
            f"  {label:26} median {median:6.2f} s, worst {max(taken):6.2f} s, {median / warm:5.1f} x the warm worker"
        )


if __name__ == "__main__":
    main()
