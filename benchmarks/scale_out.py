"""What another worker and another Prefect API server add: the same burst with 1, 2 and 4 workers on 1 and 2 servers.

All as processes of this machine, so they share its processors: the seconds of each part say what a machine of its own
would give (docs/operations.md has the table that follows from them). With two servers, messages go through Valkey by
prefect-redis, the background services are a process of their own, and the workers take turns at the servers.

    .venv/bin/python -m benchmarks.scale_out [--count 60] [--json FILE]
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.burst import Burst, ours
from benchmarks.stage import PROJECT, QUICK_VERIFICATION, Stage, open_stage, processor_seconds
from countersign.local.stack import POOL
from countersign.local.valkey import valkey_program

STARTING_SECONDS = 120.0
MESSAGING = "prefect_redis.messaging"
WEBSERVER_ONLY = "PREFECT__SERVER_WEBSERVER_ONLY"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Beside:
    """Processes beside the stack's own, by the name of the part that they are of."""

    pids: dict[str, int] = field(default_factory=dict)

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each has taken so far."""
        return {name: processor_seconds(pid) for name, pid in self.pids.items()}


def shared_messages(port: int) -> dict[str, str]:
    """Return what several servers of one Prefect need to hear of each other (Prefect's guide to self-hosting)."""
    return {
        "PREFECT_MESSAGING_BROKER": MESSAGING,
        "PREFECT_MESSAGING_CACHE": MESSAGING,
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(port),
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{port}/1",
    }


@contextmanager
def program(command: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends."""
    with (folder / f"{secrets.token_hex(4)}.log").open("wb") as log:
        started = subprocess.Popen(command, env=dict(environment), cwd=PROJECT, stdout=log, stderr=log)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def measured(servers: int, workers: int, count: int) -> Burst:
    """Return what a burst came to on so many servers and workers."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="countersign-scale-")))
        extra: dict[str, str] = dict(QUICK_VERIFICATION)
        if servers > 1:
            port = free_port()
            valkey = [str(valkey_program()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            undo.enter_context(program(valkey, os.environ, folder))
            extra |= {**shared_messages(port), WEBSERVER_ONLY: "1"}
        stage = undo.enter_context(open_stage(deployments=count, environment=extra))
        beside = Beside()
        addresses = [stage.stack.addresses.api_url]
        if servers > 1:
            addresses += [_services_and_servers(undo, stage, beside, folder, servers - 1)]
        _more_workers(
            undo, stage, beside, folder, [addresses[number % len(addresses)] for number in range(1, workers)]
        )
        ours(stage, 2)  # the first runs pay for what later ones find ready
        before = beside.processor_seconds()
        burst = ours(stage, count)
        spent = {name: seconds - before[name] for name, seconds in beside.processor_seconds().items()}
        burst.processor.update(spent)
        return burst


def _services_and_servers(undo: ExitStack, stage: Stage, beside: Beside, folder: Path, more: int) -> str:
    """Start the background services, and another API server; return that one's address."""
    assert more == 1, "the table has one and two"
    port = free_port()
    address = f"http://127.0.0.1:{port}/api"
    environment = {
        **stage.stack.environment(),
        **stage.stack.addresses.server_environment(),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    server = [prefect, "server", "start", "--no-services", "--host", "127.0.0.1", "--port", str(port)]
    beside.pids["prefect-server-2"] = undo.enter_context(program(server, environment, folder)).pid
    apart = {name: value for name, value in environment.items() if name != WEBSERVER_ONLY}
    services = undo.enter_context(program([prefect, "server", "services", "start"], apart, folder))
    beside.pids["prefect-server-services"] = services.pid
    give_up = time.monotonic() + STARTING_SECONDS
    while not _answers(f"{address}/health"):
        if time.monotonic() > give_up:
            raise SystemExit("the second server does not answer")
        time.sleep(0.2)
    return address


def _more_workers(undo: ExitStack, stage: Stage, beside: Beside, folder: Path, addresses: Sequence[str]) -> None:
    """Start a worker beside the stack's own for each of `addresses`, those of Prefect's API."""
    for number, address in enumerate(addresses, 2):
        environment = {**stage.stack.environment(), "PREFECT_API_URL": address}
        command = [sys.executable, "-m", "countersign.worker", "--pool", POOL, "--name", f"warm-{number}"]
        beside.pids[f"worker-{number}"] = undo.enter_context(program(command, environment, folder)).pid
    _wait_for_workers(stage, len(addresses) + 1)


def _wait_for_workers(stage: Stage, workers: int) -> None:
    give_up = time.monotonic() + STARTING_SECONDS
    with stage.prefect() as http:
        while True:
            found = http.post(f"/work_pools/{POOL}/workers/filter", json={}).raise_for_status().json()
            if sum(each["status"] == "ONLINE" for each in found) >= workers:
                return
            if time.monotonic() > give_up:
                raise SystemExit(f"{workers} workers: not within {STARTING_SECONDS:g} s")
            time.sleep(0.2)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).is_success
    except httpx.HTTPError:
        return False


def main() -> None:
    """Measure each arrangement once and print it."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--count", type=int, default=60, help="restarts at once (default 60)")
    options.add_argument("--servers", type=int, nargs="*", choices=(1, 2), default=[1, 2], help="default: 1 2")
    options.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="default: 1 2 4")
    options.add_argument("--json", type=Path, default=None, metavar="FILE", help="write every figure there, too")
    chosen = options.parse_args()
    arrangements = [(servers, workers) for servers in chosen.servers for workers in chosen.workers]
    if len(arrangements) == 1:
        [(servers, workers)] = arrangements
        taken = [{"servers": servers, "workers": workers, **asdict(measured(servers, workers, chosen.count))}]
    else:
        # Prefect reads the address of its API once, so each stack has a process of its own.
        taken = [_apart(servers, workers, chosen.count) for servers, workers in arrangements]
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(taken, indent=1))
    for each in taken:
        servers, workers = each.pop("servers"), each.pop("workers")
        _print(servers, workers, Burst(**each))


def _apart(servers: int, workers: int, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="countersign-scale-") as folder:
        file = Path(folder) / "burst.json"
        asked = ["--servers", str(servers), "--workers", str(workers), "--count", str(count), "--json", str(file)]
        command = [sys.executable, "-m", "benchmarks.scale_out", *asked]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(file.read_text())[0]
        return found


def _print(servers: int, workers: int, burst: Burst) -> None:
    parts: dict[str, float] = {}
    for name, seconds in burst.processor.items():
        part = name.rstrip("0123456789").rstrip("-")
        parts[part] = parts.get(part, 0.0) + seconds
    each = ", ".join(f"{name} {seconds / burst.count:.3f}" for name, seconds in sorted(parts.items()))
    print(
        f"{servers} server(s), {workers} worker(s): {burst.effects_per_second:5.2f} effects/s, "
        f"{burst.done_per_second:5.2f} done/s, first {burst.first_effect:5.2f} s, {burst.failed} failed; "
        f"processor seconds each: {each}"
    )


if __name__ == "__main__":
    main()
