"""One real stack for all tests that ask for it: PostgreSQL, Valkey, Prefect's server, a warm worker."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from countersign.local.postgres import THROWAWAY
from countersign.local.stack import Stack
from tests.planted import plant
from tests.stack.api import PATIENCE, Api
from tests.stack.counting import count_requests
from tests.stack.declaring import FLOWS, PROBES, PROJECT, declare, module_path

METRICS_TOKEN = plant("hunter2-of-prometheus")
# A verification is over as soon as everything is well.
SETTINGS = {
    "COUNTERSIGN_VERIFY_WARM_UP_SECONDS": "0",
    "COUNTERSIGN_VERIFY_COLLECT_SECONDS": "0",
    "COUNTERSIGN_VERIFY_LIMIT_SECONDS": "10",
    "COUNTERSIGN_METRICS_TOKEN": METRICS_TOKEN,
    "COUNTERSIGN_METRICS_PORT": "0",
}


@pytest.fixture(scope="session")
def own_flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the workers' module path that declares the tests' flows, also those that a test writes itself."""
    folder = tmp_path_factory.mktemp("declared")
    count_requests(folder)
    declare(folder, {PROBES: FLOWS, "changing": ["changing"], "missing": ["adding"]})
    return folder


@pytest.fixture(scope="session")
def stack(own_flows: Path) -> Iterator[Stack]:
    """A running stack with the deployments of prefect.yaml. `environment()` is for subprocesses."""
    # Not pytest's folder: its parents are closed to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="countersign-stack-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = {**SETTINGS, "PYTHONPATH": module_path(own_flows)}
        running = Stack(Path(folder) / "state", project=PROJECT, postgres_options=THROWAWAY, environment=settings)
        running.start()
        stop_the_schedule(running)
        try:
            yield running
        finally:
            running.stop()


def stop_the_schedule(stack: Stack) -> None:
    """Keep scheduled reconciliation from acting on what a test left; tests start rounds themselves."""
    addresses = stack.addresses
    with httpx.Client(base_url=addresses.api_url, auth=addresses.login(), timeout=10) as prefect:
        found = prefect.get("/deployments/name/reconcile/reconcile").raise_for_status().json()
        prefect.patch(f"/deployments/{found['id']}", json={"paused": True}).raise_for_status()
        unfinished = {
            "deployments": {"id": {"any_": [found["id"]]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}},
        }
        give_up = time.monotonic() + PATIENCE
        while runs := prefect.post("/flow_runs/filter", json=unfinished).raise_for_status().json():
            assert time.monotonic() < give_up, f"a round that was planned did not end: {runs}"
            # Planned in the moment in which the schedule was stopped.
            for run in (run for run in runs if run["state_type"] == "SCHEDULED" and run["auto_scheduled"]):
                prefect.delete(f"/flow_runs/{run['id']}")
            time.sleep(0.1)


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    """Prefect's API of the stack."""
    client = Api(stack.addresses.api_url, stack.addresses.login())
    yield client
    client.close()
