"""Child processes: started, restarted, ended, and found again after the supervisor was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign.errors import ConfigurationError
from countersign.local.child import Child, Program, end_leftovers
from countersign.local.stack import on_the_same_port
from countersign.local.supervisor import Supervisor
from countersign.processes import started_at
from tests.stack.api import PATIENCE

ENVIRONMENT = {"PATH": os.defpath}
STAYING = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAYING


def child(folder: Path, code: str, *, name: str = "child", once: bool = False) -> Child:
    program = Program(
        name=name,
        argv=(sys.executable, "-c", code),
        environment=ENVIRONMENT,
        ready=lambda printed: "ready" in printed,
        folder=folder,
        once=once,
    )
    return Child(program, state_dir=folder)


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "the condition never came true"
        time.sleep(0.01)


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    one = child(tmp_path, STAYING)
    supervisor = Supervisor([one])
    supervisor.start(timeout=PATIENCE)
    first = one.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: one.pid != first and one.is_ready())
    assert supervisor.restarts("child") == 1
    supervisor.stop()


def test_stopping_leaves_no_process_and_no_pid_file(tmp_path: Path) -> None:
    children = [child(tmp_path, STAYING, name=name) for name in ("a", "b")]
    supervisor = Supervisor(children)
    supervisor.start(timeout=PATIENCE)
    pids = [one.pid for one in children if one.pid]
    supervisor.stop()
    assert [started_at(pid) for pid in pids] == [None, None]
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_child_that_ends_while_starting_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    good = child(tmp_path, STAYING, name="good")
    supervisor = Supervisor([good, child(tmp_path, "raise SystemExit('no such door')", name="bad")])
    with pytest.raises(ConfigurationError, match="bad ended with 1 while starting: no such door"):
        supervisor.start(timeout=PATIENCE)
    assert good.pid is not None
    assert started_at(good.pid) is None


def test_a_program_that_is_to_run_once_is_not_restarted(tmp_path: Path) -> None:
    once = child(tmp_path, "print('done')", name="once", once=True)
    supervisor = Supervisor([once, child(tmp_path, STAYING)])
    supervisor.start(timeout=PATIENCE)
    assert (once.exit_code(), supervisor.restarts("once")) == (0, 0)
    supervisor.stop()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = child(tmp_path, DEAF)
    deaf.start()
    until(deaf.is_ready)
    deaf.stop(patience=0.1)
    assert deaf.exit_code() == -signal.SIGKILL


def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.stack.test_supervision import *\n"
        "one = child(Path(sys.argv[1]), STAYING)\n"
        "one.start(); until(one.is_ready); print(one.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert started_at(pid) is not None
    parent.kill()
    parent.wait()
    until(lambda: started_at(pid) is None)


def test_what_a_killed_supervisor_left_is_ended_by_its_pid_file(tmp_path: Path) -> None:
    deaf = child(tmp_path, DEAF)
    deaf.start()
    until(deaf.is_ready)
    assert end_leftovers(tmp_path) == ["child"]
    until(lambda: deaf.exit_code() is not None)


def test_a_process_that_only_has_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    other = child(tmp_path, STAYING)
    other.start()
    until(other.is_ready)
    (tmp_path / "pids" / "child.json").write_text(json.dumps({"pid": other.pid, "started": "1"}))
    assert end_leftovers(tmp_path) == []
    assert other.exit_code() is None
    other.stop()


def test_a_server_that_died_before_it_said_its_port_keeps_the_last_one() -> None:
    again = on_the_same_port(("serve",))
    assert again('{"port": 4711}\n') == ("serve", "--port", "4711")
    assert again("") == ("serve", "--port", "4711")
