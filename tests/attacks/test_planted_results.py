"""Holds Prefect's password: plants results that run code in whoever reads them, or that say what did not happen."""

import base64
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest

from countersign.local.stack import Stack
from tests.attacks.conftest import told_of
from tests.stack.api import Api
from tests.stack.declaring import PROBES

LATER = {"scheduled_time": "2100-01-01T00:00:00Z"}


class Evil:
    """Unpickled, it leaves a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._file,))


def pickled(done: Path) -> tuple[dict[str, Any], str]:
    return {"type": "pickle"}, base64.encodebytes(pickle.dumps(Evil(done))).decode()


def in_json(_done: Path) -> tuple[dict[str, Any], str]:
    """Prefect's JSON makes objects of any class, and calls any function that the result names."""
    return {"type": "json"}, json.dumps({"__class__": "pathlib.Path", "data": "/"})


@pytest.mark.parametrize("kind", [pickled, in_json])
def test_a_subflow_that_seems_to_have_ended_is_not_asked_for_its_result(
    stack: Stack, api: Api, tmp_path: Path, kind: Any
) -> None:
    folder, done = tmp_path / "folder", tmp_path / "done"
    folder.mkdir()
    deployment = api.deploy(PROBES, "with_child")
    # How Prefect counts the subflows of a run, as one that is left alone shows.
    (folder / "go").touch()
    example = api.run(deployment, folder=str(folder))
    assert api.wait(example)["state_type"] == "COMPLETED"
    child = api.children(example)[0]
    tracked = api.http.get(f"/task_runs/{child['parent_task_run_id']}").json()

    serializer, result = kind(done)
    record = tmp_path / "record"
    record.write_text(
        json.dumps({"metadata": {"storage_key": str(record), "serializer": serializer}, "result": result})
    )
    ended = {
        "type": "COMPLETED",
        "name": "Completed",
        "data": {"storage_key": str(record), "serializer": serializer, "prefect_version": "3.9.1"},
    }
    (folder / "started").unlink()
    body = {"parameters": {"folder": str(folder)}, "state": {"type": "SCHEDULED", "state_details": LATER}}
    run = api.http.post(f"/deployments/{deployment}/create_flow_run", json=body).raise_for_status().json()["id"]
    planted = {
        "flow_run_id": run,
        "task_key": tracked["task_key"],
        "dynamic_key": tracked["dynamic_key"],
        "name": tracked["name"],
        "state": {"type": "COMPLETED", "name": "Completed"},
    }
    task = api.http.post("/task_runs/", json=planted).raise_for_status().json()["id"]
    subflow = {"flow_id": child["flow_id"], "parent_task_run_id": task, "name": f"x-{uuid.uuid4()}"}
    made = api.http.post("/flow_runs/", json=subflow).raise_for_status().json()["id"]
    forced = {"state": ended, "force": True}
    api.http.post(f"/flow_runs/{made}/set_state", json=forced).raise_for_status()
    now = {"state": {"type": "SCHEDULED"}, "force": True}
    api.http.post(f"/flow_runs/{run}/set_state", json=now).raise_for_status()
    ended_run = api.wait(run)
    assert not done.exists()
    assert ended_run["state_type"] == "FAILED" and "stored result" in ended_run["state"]["message"]
    assert told_of(stack, run) == "tampering:result:refused"
