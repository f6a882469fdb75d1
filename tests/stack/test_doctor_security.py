"""`countersign doctor --security` beside a running stack: all is well, and what is off is said, whatever it is."""

import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from countersign.audit.heads import HEAD_FILE
from countersign.cli.doctor_security import CHECKS
from countersign.execution.outward import SETTING
from countersign.local.addresses import child_environment
from countersign.local.stack import Stack
from countersign.records.database.engine import connect, transaction
from tests.databases import as_superuser
from tests.stack.api import PATIENCE
from tests.stack.commands import Done, countersign

CHECKED = text("SELECT details FROM audit_event WHERE event = 'doctor:security:checked' ORDER BY id DESC LIMIT 1")


@pytest.fixture(scope="module")
def engine(stack: Stack) -> Iterator[Engine]:
    """The stack's records, once the worker has sealed what is in them."""
    give_up = time.monotonic() + PATIENCE
    while not (stack.addresses.trust_dir / HEAD_FILE).exists():
        assert time.monotonic() < give_up, "the audit was not sealed"
        time.sleep(0.1)
    found = connect(stack.addresses.database_url, timeout=5)
    yield found
    found.dispose()


def environment_of(stack: Stack, changes: Mapping[str, str]) -> dict[str, str]:
    """Return a person's environment that is the stack's, with these changes."""
    environment = {**child_environment(stack.addresses), **changes, "COLUMNS": "300"}
    if SETTING not in changes:
        environment.pop(SETTING, None)
    return environment


def asked(stack: Stack, **changes: str) -> Done:
    """Ask the doctor as a person does whose environment is the stack's, with these changes."""
    return countersign(environment_of(stack, changes), "doctor", "--security")


def missing(engine: Engine) -> list[str]:
    """Return what did not hold when the doctor was asked last, as the audit has it."""
    with transaction(engine) as session:
        found: list[str] = session.execute(CHECKED).scalar_one()["does_not_hold"]
    return found


def test_everything_holds_in_a_stack_that_up_started(stack: Stack, engine: Engine) -> None:
    command = [Path(sys.executable).with_name("countersign"), "doctor", "--security"]
    said = subprocess.run(command, env=environment_of(stack, {}), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert missing(engine) == []
    assert len(said.stdout.strip().splitlines()) == len(CHECKS) + 1, said.stdout


@contextmanager
def mode(path: Path, more: int) -> Iterator[dict[str, str]]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(before | more)
    yield {}
    path.chmod(before)


@contextmanager
def open_door(stack: Stack) -> Iterator[dict[str, str]]:
    """Serve Prefect's API to everybody, as a proxy does that brings the password itself."""
    client = httpx.Client(auth=stack.addresses.login(), timeout=30)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            address = f"{stack.addresses.ui_url}{self.path}"
            answer = client.request(self.command, address, content=body, headers=kept)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield {"PREFECT_API_URL": f"http://127.0.0.1:{server.server_port}/api"}
    finally:
        server.shutdown()
        server.server_close()
        client.close()


OFF: dict[str, tuple[Callable[[Stack], AbstractContextManager[dict[str, str]]], str, str]] = {
    "a state folder that everybody may enter": (
        lambda stack: mode(stack.addresses.state_dir, 0o005),
        "state_folder",
        "others may read or write",
    ),
    "a log that everybody may read": (
        lambda stack: mode(next((stack.addresses.state_dir / "logs").iterdir()), 0o004),
        "state_folder",
        ".log",
    ),
    "a key that a group may read": (
        lambda stack: mode(stack.addresses.trust_dir / "records.key", 0o040),
        "trust_files",
        "records.key",
    ),
    "a superuser": (
        lambda stack: nullcontext({"COUNTERSIGN_DATABASE_URL": as_superuser(stack.addresses.database_url)}),
        "database_role",
        "is a superuser",
    ),
    "a Prefect that asks nobody": (open_door, "prefect", "answers whoever asks"),
    "a policy that nobody signed": (
        lambda stack: nullcontext({"COUNTERSIGN_POLICY_FILE": "/nowhere/policy.yaml"}),
        "policy",
        "which nobody signed",
    ),
    "kubeconfigs that may run programs": (
        lambda stack: nullcontext({"COUNTERSIGN_ALLOWED_EXEC_PLUGINS": "aws"}),
        "kubeconfigs",
        "exec (aws)",
    ),
    "probes that may reach the machine": (
        lambda stack: nullcontext({SETTING: "127.0.0.1"}),
        "addresses",
        "may reach 127.0.0.1",
    ),
}


@pytest.mark.parametrize("off", OFF)
def test_what_is_off_is_said_and_nothing_else(stack: Stack, engine: Engine, off: str) -> None:
    change, name, words = OFF[off]
    with change(stack) as changes:
        said = asked(stack, **changes)
    assert said.returncode == 3, said.stdout + said.stderr
    # A file in the trust folder is one in the state folder, too.
    assert name in missing(engine) and set(missing(engine)) <= {name, "state_folder"}, said.stdout
    assert words in said.stdout
    assert "Traceback" not in said.stderr


def test_records_that_cannot_be_reached_have_their_line(stack: Stack) -> None:
    said = asked(stack, COUNTERSIGN_DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/none")
    assert said.returncode == 3
    assert "nothing answers as PostgreSQL" in said.stdout
    assert "Traceback" not in said.stderr and "hunter2" not in said.stdout + said.stderr
