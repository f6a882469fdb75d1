"""A burst of restarts at once: Countersign against a DBOS service and a plain asyncio service.

A PostgreSQL each, the same requests to the same sandbox cluster and the same kinds of rows: benchmarks/peers/work.py
says which, line by line, and what the peers leave out. The order is ours, DBOS, plain, as often as `--rounds` says.
Processor time is of the processes that do the work and of their PostgreSQL, not of the cluster.

    .venv/bin/python -m benchmarks.burst [--count 100] [--workers 1] [--rounds 1] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.stage import NAMESPACE, PROJECT, Stage, names, open_stage, processor_seconds, restart_of
from countersign.local.postgres import DURABLE, EmbeddedPostgres

PATIENCE_SECONDS = 600.0
EXECUTE = "/deployments/name/execute-approval/execute-approval"
PARTS = ("PostgreSQL", "prefect-server", "worker", "web")
UNFINISHED = "SELECT count(*) FROM ledger_step WHERE status IN ('pending', 'running')"
WITHOUT_END = "SELECT count(*) FROM approval WHERE status IN ('approved', 'executing')"
FAILED = "SELECT count(*) FROM execution WHERE outcome IS NOT NULL AND outcome <> 'success'"


@dataclass(frozen=True)
class Burst:
    """What one burst came to."""

    count: int
    first_effect: float
    """Seconds from the first trigger to the first effect."""
    last_effect: float
    all_done: float
    """Seconds until the last row of what follows was written."""
    failed: int
    processor: dict[str, float]
    """Processor seconds by part."""

    @property
    def effects_per_second(self) -> float:
        return self.count / self.last_effect

    @property
    def done_per_second(self) -> float:
        return self.count / self.all_done

    @property
    def processor_each(self) -> float:
        """Processor seconds of one execution."""
        return sum(self.processor.values()) / self.count


def ours(stage: Stage, count: int) -> Burst:
    """Trigger `count` approvals through Prefect's API, one after the other as fast as it answers."""
    approved = [stage.approve(restart_of(name)) for name in names(count)]
    stage.cluster.forget_requests()
    before, failed = stage.processor_seconds(), stage.count(FAILED)
    with stage.prefect() as http:
        deployment = http.get(EXECUTE).raise_for_status().json()["id"]
        began = time.time()
        for approval_id in approved:
            stage.trigger(http, deployment, approval_id)
    stage.wait(lambda: not stage.count(WITHOUT_END), seconds=PATIENCE_SECONDS, what="outcomes of the burst")
    stage.wait(lambda: not stage.count(UNFINISHED), seconds=PATIENCE_SECONDS, what="steps of the burst")
    ended = time.time()
    effects = stage.effects().values()
    spent = {
        name: seconds - before.get(name, 0.0)
        for name, seconds in stage.processor_seconds().items()
        if name.startswith(PARTS)
    }
    lost = stage.count(FAILED) - failed
    return Burst(count, min(effects) - began, max(effects) - began, ended - began, lost, spent)


def peer(stage: Stage, module: str, count: int) -> Burst:
    """Have a peer do the same on a PostgreSQL of its own."""
    assert stage.stack.addresses.kubeconfig is not None
    with tempfile.TemporaryDirectory(prefix="countersign-peer-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "postgres", options=DURABLE) as postgres:
            address = postgres.url("postgres").replace("postgresql+psycopg://", "postgresql://")
            told = {
                "database_url": address,
                "kubeconfig": str(stage.stack.addresses.kubeconfig),
                "namespace": NAMESPACE,
                "names": names(count),
            }
            with _service(module, json.dumps(told)) as service:
                assert service.stdin is not None and service.stdout is not None
                stage.cluster.forget_requests()
                before = (processor_seconds(service.pid), processor_seconds(postgres.pid or 0))
                service.stdin.write("begin\n")
                service.stdin.flush()
                said = json.loads(service.stdout.readline())
                spent = {
                    "service": processor_seconds(service.pid) - before[0],
                    "PostgreSQL": processor_seconds(postgres.pid or 0) - before[1],
                }
                effects, began = stage.effects().values(), said["began"]
                service.stdin.write("end\n")
                service.stdin.flush()
    return Burst(count, min(effects) - began, max(effects) - began, said["ended"] - began, 0, spent)


@contextmanager
def _service(module: str, told: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module]
    started = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdin is not None and started.stdout is not None
        started.stdin.write(told + "\n")
        started.stdin.flush()
        if started.stdout.readline().strip() != "ready":
            raise SystemExit(f"{module} did not start")
        yield started
    finally:
        started.kill()
        started.wait()


def main() -> None:
    """Measure and print, ours first."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--count", type=int, default=100, help="restarts at once (default 100)")
    options.add_argument("--workers", type=int, default=1, help="warm workers (default 1)")
    options.add_argument("--rounds", type=int, default=1, help="bursts of each (default 1)")
    options.add_argument("--json", type=Path, default=None, metavar="FILE", help="write every figure there, too")
    chosen = options.parse_args()
    taken: dict[str, list[Burst]] = {"Countersign": [], "DBOS": [], "plain asyncio": []}
    with open_stage(deployments=chosen.count, workers=chosen.workers) as stage:
        ours(stage, 2)  # the first runs pay for what later ones find ready
        for _ in range(chosen.rounds):
            taken["Countersign"].append(ours(stage, chosen.count))
            taken["DBOS"].append(peer(stage, "benchmarks.peers.durable", chosen.count))
            taken["plain asyncio"].append(peer(stage, "benchmarks.peers.plain", chosen.count))
    _print(taken, chosen.count, chosen.workers)
    if chosen.json is not None:
        every = {name: [asdict(burst) for burst in bursts] for name, bursts in taken.items()}
        chosen.json.write_text(json.dumps({"workers": chosen.workers, "bursts": every}, indent=1))


def _print(taken: dict[str, list[Burst]], count: int, workers: int) -> None:
    print(f"burst of {count} restarts, {workers} worker(s), medians of {len(taken['DBOS'])} round(s)")
    ours = statistics.median(burst.effects_per_second for burst in taken["Countersign"])
    for name, bursts in taken.items():
        effects = statistics.median(burst.effects_per_second for burst in bursts)
        done = statistics.median(burst.done_per_second for burst in bursts)
        first = statistics.median(burst.first_effect for burst in bursts)
        each = statistics.median(burst.processor_each for burst in bursts)
        print(
            f"  {name:14} first effect {first:6.2f} s, {effects:6.2f} effects/s ({effects / ours:5.2f} x ours), "
            f"{done:6.2f} done/s, {each:6.3f} processor s each, {sum(burst.failed for burst in bursts)} failed"
        )
        for part, _ in sorted(bursts[-1].processor.items(), key=lambda item: -item[1]):
            seconds = statistics.median(burst.processor.get(part, 0.0) for burst in bursts)
            print(f"    {part:18} {seconds / count:6.3f} processor s each")


if __name__ == "__main__":
    main()
