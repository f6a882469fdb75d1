"""Prefect's API as an approval system would use it: plain HTTP requests."""

import time
from pathlib import Path
from typing import Any

import httpx
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

from countersign.local.stack import Stack

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
# For a machine that is busy with others; nobody waits longer than something takes.
PATIENCE = 180.0


def client_settings(stack: Stack) -> dict[Any, Any]:
    """Settings with which Prefect's own client asks the stack's server."""
    addresses = stack.addresses
    return {PREFECT_API_URL: addresses.api_url, PREFECT_API_AUTH_STRING: addresses.prefect_auth.get_secret_value()}


class Api:
    """Deployments and flow runs of one Prefect server."""

    def __init__(self, url: str, login: httpx.Auth) -> None:
        """`http` asks anything else."""
        self.http = httpx.Client(base_url=url, auth=login, timeout=30)

    def close(self) -> None:
        self.http.close()

    def deploy(self, module: str, flow: str, *, pool: str = "countersign", **others: Any) -> str:
        """Deploy the flow of `module` to `pool`; return the deployment's id."""
        flow_id = self._post("/flows/", {"name": flow.replace("_", "-")})["id"]
        body = {
            "name": f"{module}-{pool}",
            "flow_id": flow_id,
            "entrypoint": f"{module}.{flow}",
            "work_pool_name": pool,
            **others,
        }
        return str(self._post("/deployments/", body)["id"])

    def run(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run now; return its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self._post(f"/deployments/{deployment}/create_flow_run", body)["id"])

    def read(self, run: str) -> dict[str, Any]:
        answer = self.http.get(f"/flow_runs/{run}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def cancel(self, run: str) -> None:
        """What the UI's button does."""
        self._post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})

    def suspend(self, run: str) -> None:
        """What the UI's button does: stop at the next task, to go on later."""
        details = {"pause_timeout": "2100-01-01T00:00:00Z", "pause_reschedule": True}
        state = {"type": "PAUSED", "name": "Suspended", "state_details": details}
        self._post(f"/flow_runs/{run}/set_state", {"state": state})

    def resume(self, run: str) -> None:
        self._post(f"/flow_runs/{run}/resume", {})

    def wait(self, run: str, *types: str) -> dict[str, Any]:
        """Return the run once its state is one of `types` (default: any final one)."""
        wanted = types or FINAL
        give_up = time.monotonic() + PATIENCE
        while True:
            found = self.read(run)
            if found["state_type"] in wanted:
                return found
            assert time.monotonic() < give_up, f"the run stayed {found['state_type']}: {found['state']}"
            time.sleep(0.05)

    def children(self, run: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}}
        found: list[dict[str, Any]] = self._post("/flow_runs/filter", body)
        return found

    def make_pool(self, name: str, kind: str) -> None:
        template = {"job_configuration": {"labels": {}}, "variables": {"type": "object", "properties": {}}}
        self._post("/work_pools/", {"name": name, "type": kind, "base_job_template": template})

    def move(self, deployment: str, where: dict[str, Any]) -> None:
        """Give a deployment another pool or queue."""
        answer = self.http.patch(f"/deployments/{deployment}", json=where)
        assert answer.is_success, answer.text

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


def wait_for(file: Path) -> str:
    """Return the text of `file` once it exists and is not empty, or is meant to be empty."""
    give_up = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < give_up, f"{file} never appeared"
        time.sleep(0.02)
    return file.read_text()
