"""A whole stack with a sandbox cluster full of Deployments: what is measured, and what it cost."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from pydantic import SecretStr
from sqlalchemy import Engine, text

from countersign.local.postgres import DURABLE
from countersign.local.stack import Stack
from sandbox.cluster import ControlClient

NAMESPACE = "load"
PROJECT = Path(__file__).parent.parent
LOOK_SECONDS = 0.02
TRIES = 5
QUICK_VERIFICATION = {
    "COUNTERSIGN_VERIFY_WARM_UP_SECONDS": "1",
    "COUNTERSIGN_VERIFY_COLLECT_SECONDS": "2",
    "COUNTERSIGN_VERIFY_LIMIT_SECONDS": "20",
}
"""The sandbox's pods start at once, so what is measured is the work and not the watching."""


@dataclass(frozen=True)
class Stage:
    """A running stack, and who can sign there."""

    stack: Stack
    cluster: ControlClient
    engine: Engine
    approve: Callable[[str], UUID]
    """Files an action that is started by hand, has it signed, and returns the approval's id."""

    @contextmanager
    def prefect(self) -> Iterator[httpx.Client]:
        """Open a client of Prefect's API."""
        found = self.stack.addresses
        with httpx.Client(base_url=found.api_url, auth=found.login(), timeout=60) as http:
            yield http

    def trigger(self, http: httpx.Client, deployment: str, approval_id: UUID) -> None:
        """Start a run for an approval, as an approval system does: a server that is overrun is asked again."""
        body = {
            "parameters": {"approval_id": str(approval_id)},
            "state": {"type": "SCHEDULED"},
            "idempotency_key": str(approval_id),
        }
        for _ in range(TRIES):
            answer = http.post(f"/deployments/{deployment}/create_flow_run", json=body)
            if not answer.is_server_error:
                break
        answer.raise_for_status()

    def effects(self) -> dict[str, float]:
        """Return when each Deployment was restarted by a request of ours, in seconds since the epoch, by name."""
        found: dict[str, float] = {}
        for each in self.cluster.requests().mutations():
            if f"/namespaces/{NAMESPACE}/deployments/" in each.path:
                found.setdefault(each.path.rsplit("/", 1)[-1], each.at)
        return found

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each part of the stack has taken so far, its children's included."""
        parts = {part.name: part.pid for part in self.stack.parts() if part.pid is not None}
        return {name: processor_seconds(pid) for name, pid in parts.items()}

    def count(self, statement: str) -> int:
        """Return the one number that `statement` asks the records for."""
        with self.engine.connect() as connection:
            return int(connection.execute(text(statement)).scalar_one())

    def wait(self, until: Callable[[], bool], *, seconds: float, what: str) -> float:
        """Wait until `until` is true; return the moment. Ends the benchmark where it never is."""
        give_up = time.time() + seconds
        while not until():
            self.stack.check()
            if time.time() > give_up:
                raise SystemExit(f"{what}: not within {seconds:g} s")
            time.sleep(LOOK_SECONDS)
        return time.time()


@contextmanager
def open_stage(
    *, deployments: int = 0, workers: int = 1, environment: Mapping[str, str] = QUICK_VERIFICATION
) -> Iterator[Stage]:
    """Start a stack whose cluster has `deployments` Deployments in a namespace of their own."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        started = Stack(
            Path(name) / "state",
            project=PROJECT,
            workers=workers,
            postgres_options=DURABLE,
            environment=environment,
        )
        with started as stack:
            # Prefect and our settings are read from the environment at import.
            os.environ.update(stack.environment())
            from benchmarks.people import settle_in  # noqa: PLC0415

            assert stack.addresses.kubeconfig is not None
            kubeconfig = stack.addresses.kubeconfig.read_text()
            cluster = ControlClient.from_kubeconfig(kubeconfig)
            cluster.seed([namespace(), *(deployment(name) for name in names(deployments))])
            engine, approve = asyncio.run(settle_in(SecretStr(kubeconfig), stack.addresses.database_url))
            try:
                yield Stage(stack, cluster, engine, approve)
            finally:
                engine.dispose()


def names(count: int) -> list[str]:
    """Return the names of the Deployments."""
    return [f"service-{number:03}" for number in range(count)]


def restart_of(name: str) -> str:
    """Return the action that restarts a Deployment of the stage."""
    return f"kubectl rollout restart deployment/{name} -n {NAMESPACE}"


def namespace() -> dict[str, object]:
    """Return the namespace's manifest."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def deployment(name: str) -> dict[str, object]:
    """Return a Deployment's manifest: one replica of one container."""
    pod = {"containers": [{"name": "main", "image": "registry.example/service:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }


def processor_seconds(pid: int) -> float:
    """Return what a process and those it has started have taken so far; 0 once it is gone."""
    try:
        first = psutil.Process(pid)
        every = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0.0
    for process in every:
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def spread(seconds: Sequence[float]) -> str:
    """Return the median, the 95th percentile and the extremes as a person reads them."""
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {middle:6.2f} s, p95 {late:6.2f} s, {ordered[0]:.2f} to {ordered[-1]:.2f} s"


def now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)
