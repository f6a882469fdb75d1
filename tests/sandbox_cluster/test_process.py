"""The sandbox cluster as a process: it announces itself, ends when told to, and survives a kill with its state."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.cluster import ControlClient, Effect, Fault
from tests.contract.api import MERGE, Api, wait_for

SETTINGS = "/api/v1/namespaces/prod/configmaps/settings"
WEB = "/apis/apps/v1/namespaces/prod/deployments/web"


@contextmanager
def process(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "sandbox.cluster", "--kubeconfig", str(folder / "kubeconfig")]
    started = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        yield started, json.loads(started.stdout.readline())
    finally:
        started.kill()
        started.wait()
        assert started.stdout is not None
        started.stdout.close()


def test_it_announces_itself_can_be_disturbed_and_ends_on_sigterm(tmp_path: Path) -> None:
    with process(tmp_path) as (started, said):
        assert Path(said["kubeconfig"]) == tmp_path / "kubeconfig"
        assert (tmp_path / "kubeconfig").stat().st_mode & 0o077 == 0
        control = ControlClient.from_kubeconfig(tmp_path / "kubeconfig")
        control.add_fault(Fault(effect=Effect.ERROR, code=503))
        with Api((tmp_path / "kubeconfig").read_text(), None) as api:
            assert api.request("PATCH", WEB, {"spec": {"replicas": 4}}, content_type=MERGE).status == 503
        assert control.requests()[-1].fault == "error"
        assert control.mutations() == []
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0


def test_a_killed_server_comes_back_as_the_same_one(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    with process(tmp_path, *state) as (started, said):
        before = (tmp_path / "kubeconfig").read_text()
        with Api(before, None) as api:
            after_write = api.request("PATCH", WEB, {"spec": {"replicas": 5}}, content_type=MERGE).ok()
            # Nothing follows this one that could push it out of a buffer.
            wait_for(lambda: api.get(WEB).ok(), lambda each: each["status"].get("readyReplicas") == 5, what="pods")
            api.request("PATCH", SETTINGS, {"data": {"last": "word"}}, content_type=MERGE).ok()
        started.kill()
    with process(tmp_path, *state, "--port", said["url"].rpartition(":")[2]), Api(before, None) as api:
        assert api.get(SETTINGS).ok()["data"]["last"] == "word"
        found = api.get(WEB).ok()
        assert found["spec"]["replicas"] == 5
        assert found["metadata"]["uid"] == after_write["metadata"]["uid"]
        assert int(found["metadata"]["resourceVersion"]) >= int(after_write["metadata"]["resourceVersion"])
