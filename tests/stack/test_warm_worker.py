"""Flows through a real Prefect server and the warm worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from countersign.local.stack import Stack
from countersign.worker.identity import Identity
from tests.stack.api import PATIENCE, Api, wait_for
from tests.stack.declaring import PROBES


@pytest.fixture(scope="module")
def waiting(api: Api) -> str:
    return api.deploy(PROBES, "waiting")


def owner(run: dict[str, object]) -> int:
    identity = Identity.parse(str(run["infrastructure_pid"]))
    assert identity is not None
    return identity.pid


def worker_pid(stack: Stack) -> int:
    return next(part.pid for part in stack.parts() if part.name == "worker-1" and part.pid)


def test_a_run_asked_for_through_the_api_completes_in_the_workers_process(stack: Stack, api: Api) -> None:
    run = api.wait(api.run(api.deploy(PROBES, "adding"), number=20))
    assert run["state_type"] == "COMPLETED"
    assert owner(run) == worker_pid(stack)


def test_twenty_runs_at_once_all_complete(api: Api) -> None:
    deployment = api.deploy(PROBES, "adding")
    runs = [api.run(deployment, number=number) for number in range(20)]
    assert [api.wait(run)["state_type"] for run in runs] == ["COMPLETED"] * 20


def test_a_flow_that_is_not_async_runs_too(api: Api) -> None:
    assert api.wait(api.run(api.deploy(PROBES, "blocking"), number=1))["state_type"] == "COMPLETED"


def test_runs_share_one_synchronous_client(api: Api, tmp_path: Path) -> None:
    # Made anew, each takes as long as TLS takes to be set up, and the flows' loop with it.
    telling = api.deploy(PROBES, "telling_its_client")
    for run in [api.run(telling, folder=str(tmp_path)) for _ in range(3)]:
        assert api.wait(run)["state_type"] == "COMPLETED"
    first, *others = map(int, (tmp_path / "clients").read_text().split())
    assert others == [first + 1, first + 2]


def test_a_flow_that_raises_fails_with_its_own_words(api: Api) -> None:
    run = api.wait(api.run(api.deploy(PROBES, "failing")))
    assert run["state_type"] == "FAILED"
    assert "the target said no" in run["state"]["message"]


def test_a_run_with_a_parameter_the_flow_lacks_does_not_stay_pending(api: Api) -> None:
    run = api.wait(api.run(api.deploy(PROBES, "adding"), colour="red"))
    assert run["state_type"] in ("FAILED", "CRASHED")
    assert "colour" in run["state"]["message"]


def test_a_run_whose_module_is_missing_crashes_with_the_modules_name(api: Api) -> None:
    run = api.wait(api.run(api.deploy("missing", "adding")))
    assert run["state_type"] == "CRASHED"
    assert "module missing" in run["state"]["message"]


def test_a_cancelled_run_is_told_so_and_ends_cancelled(api: Api, waiting: str, tmp_path: Path) -> None:
    run = api.run(waiting, folder=str(tmp_path))
    wait_for(tmp_path / "started")
    api.cancel(run)
    assert api.wait(run)["state_type"] == "CANCELLED"
    assert (tmp_path / "cancelled").exists()


def test_cancelling_one_run_leaves_the_others_alone(api: Api, waiting: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (api.run(waiting, folder=str(folder)) for folder in folders)
    for folder in folders:
        wait_for(folder / "started")
    api.cancel(one)
    assert api.wait(one)["state_type"] == "CANCELLED"
    (folders[1] / "go").touch()
    assert api.wait(two)["state_type"] == "COMPLETED"


def test_a_suspended_run_stops_before_its_next_task_and_goes_on_when_resumed(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    run = api.run(api.deploy(PROBES, "stepping"), folder=str(tmp_path))
    wait_for(tmp_path / "started")
    api.suspend(run)
    wait_for_text(stack, f"Suspending flow run {run}")
    (tmp_path / "go").touch()
    wait_for_text(stack, f"Flow run {run} is suspended")
    assert api.read(run)["state_type"] == "PAUSED"
    assert not (tmp_path / "counted").exists()
    api.resume(run)
    assert api.wait(run)["state_type"] == "COMPLETED"
    assert (tmp_path / "counted").read_text() == "x"


def test_a_flow_that_raises_system_exit_ends_alone(stack: Stack, api: Api, waiting: str, tmp_path: Path) -> None:
    bystander = api.run(waiting, folder=str(tmp_path))
    wait_for(tmp_path / "started")
    assert api.wait(api.run(api.deploy(PROBES, "leaving_the_interpreter")))["state_type"] == "CRASHED"
    (tmp_path / "go").touch()
    assert api.wait(bystander)["state_type"] == "COMPLETED"


def test_a_changed_file_is_what_the_next_run_executes(api: Api, own_flows: Path) -> None:
    file = own_flows / "changing.py"
    text = "from prefect import flow\n\n@flow\nasync def changing():\n    raise ValueError('{}')\n"
    file.write_text(text.format("first"))
    deployment = api.deploy("changing", "changing")
    assert "first" in api.wait(api.run(deployment))["state"]["message"]
    file.write_text(text.format("second edition"))
    assert "second edition" in api.wait(api.run(deployment))["state"]["message"]


def test_sigterm_lets_a_run_finish_and_leaves_new_ones_to_the_next_worker(
    stack: Stack, api: Api, waiting: str, tmp_path: Path
) -> None:
    old = worker_pid(stack)
    run = api.run(waiting, folder=str(tmp_path))
    wait_for(tmp_path / "started")
    os.kill(old, signal.SIGTERM)
    wait_for_text(stack, "flow run(s), for at most")
    later = api.run(api.deploy(PROBES, "adding"))
    assert api.read(later)["state_type"] == "SCHEDULED"
    (tmp_path / "go").touch()
    finished = api.wait(run)
    assert (finished["state_type"], owner(finished)) == ("COMPLETED", old)
    assert owner(api.wait(later)) not in (old, None)


def test_a_second_sigterm_leaves_at_once_and_the_run_is_reported_crashed(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    old = worker_pid(stack)
    run = api.run(api.deploy(PROBES, "with_child"), folder=str(tmp_path))
    wait_for(tmp_path / "started")
    os.kill(old, signal.SIGTERM)
    wait_for_text(stack, "flow run(s), for at most")
    os.kill(old, signal.SIGTERM)
    crashed = api.wait(run)
    assert crashed["state_type"] == "CRASHED"
    assert f"pid {old}" in crashed["state"]["message"]
    assert [api.wait(child["id"])["state_type"] for child in api.children(run)] == ["CRASHED"]


def test_a_flow_that_kills_the_worker_is_reported_crashed_by_the_next_one(stack: Stack, api: Api) -> None:
    old = worker_pid(stack)
    run = api.wait(api.run(api.deploy(PROBES, "killing_its_process")))
    assert run["state_type"] == "CRASHED"
    assert f"pid {old}" in run["state"]["message"]


@pytest.mark.parametrize(("pool", "kind"), [("isolated", "process"), ("by-hand", "countersign-warm")])
def test_prefects_command_line_starts_its_own_worker_and_the_warm_one_on_the_same_code(
    stack: Stack, api: Api, tmp_path: Path, pool: str, kind: str
) -> None:
    api.make_pool(pool, kind)
    run = api.run(api.deploy(PROBES, "adding", pool=pool), number=2)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", kind, "--run-once"]
    # Prefect keeps a folder in the temporary one that all users of a machine would share.
    environment = {**stack.environment(), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, check=False, timeout=100, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert api.wait(run)["state_type"] == "COMPLETED"


def wait_for_text(stack: Stack, text: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while text not in stack.log("worker-1"):
        assert time.monotonic() < give_up, stack.log("worker-1")
        time.sleep(0.02)
