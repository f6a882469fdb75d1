"""`countersign up` as a person uses it, beside another stack on the same machine."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from countersign.local.login import Login
from countersign.local.stack import Stack
from countersign.processes import started_at
from tests.stack.api import PATIENCE, Api
from tests.stack.declaring import PROBES, module_path

COUNTERSIGN = Path(sys.executable).with_name("countersign")
READY = "Stop with Ctrl-C"


class Up:
    """One `countersign up`, its output in a file."""

    def __init__(self, state_dir: Path, *options: str, declared: Path | None = None) -> None:
        self.state_dir = state_dir
        self.output = state_dir.with_name(f"{state_dir.name}.{time.monotonic_ns()}.txt")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [COUNTERSIGN, "up", "--state-dir", state_dir, "--no-sandbox", *options],
                # No HOME, no locale, no PATH: what a bare container gives. The module path is the test run's own.
                env={"PYTHONPATH": module_path(*filter(None, [declared]))},
                cwd=state_dir.parent,
                stdout=output,
                stderr=output,
            )

    def wait_until_ready(self) -> str:
        give_up = time.monotonic() + PATIENCE
        while READY not in (text := self.output.read_text()):
            assert self.process.poll() is None, text
            assert time.monotonic() < give_up, text
            time.sleep(0.05)
        return text

    def url(self) -> str:
        return next(
            line.split(": ")[1] for line in self.output.read_text().splitlines() if line.startswith("Prefect's pages")
        )

    def login(self) -> httpx.Auth:
        """What the printed line says how to find."""
        file = self.output.read_text().split("cat '")[1].split("'\n")[0]
        return Login(f"{self.url()}/api", SecretStr(Path(file).read_text().strip()))


@pytest.fixture(scope="module")
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="countersign up ", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        # Too long for a unix socket's path, with spaces.
        deep = Path(folder) / "a rather long name for a folder" / "and another one below it"
        deep.mkdir(parents=True)
        yield deep / "state"


def test_a_second_up_continues_what_a_killed_one_left_and_leaves_nothing(
    state_dir: Path, stack: Stack, own_flows: Path
) -> None:
    first = Up(state_dir, declared=own_flows)
    first.wait_until_ready()
    assert first.url() != stack.addresses.ui_url
    api = Api(f"{first.url()}/api", first.login())
    deployment = api.deploy(PROBES, "adding")
    assert api.wait(api.run(deployment))["state_type"] == "COMPLETED"

    refused = Up(state_dir)
    assert refused.process.wait(PATIENCE) == 3
    assert f"in use by process {first.process.pid}" in refused.output.read_text()
    assert "Traceback" not in refused.output.read_text()

    first.process.kill()
    first.process.wait()
    second = Up(state_dir, declared=own_flows)
    second.wait_until_ready()
    assert second.url() == first.url()
    assert api.wait(api.run(deployment))["state_type"] == "COMPLETED"
    pids = [int(line.split("│")[-2]) for line in second.output.read_text().splitlines() if line.startswith("│")]
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(PATIENCE) == 0
    assert len(pids) == 5
    assert [started_at(pid) for pid in pids] == [None] * 5
    api.close()


def test_a_port_that_is_taken_is_one_sentence_and_a_hint(state_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(state_dir.with_name("other"), "--port", str(port))
        assert up.process.wait(PATIENCE) == 3
    text = up.output.read_text()
    assert f"Port {port} cannot be used" in text
    assert "hint: " in text
    assert "Traceback" not in text


def test_a_state_folder_that_cannot_be_made_is_one_sentence(state_dir: Path) -> None:
    file = state_dir.with_name("a file")
    file.touch()
    up = Up(state_dir.with_name("unused"), "--state-dir", str(file / "below"))
    assert up.process.wait(PATIENCE) == 3
    assert "cannot be used" in up.output.read_text()
    assert "Traceback" not in up.output.read_text()


def test_prefects_pages_are_served(stack: Stack) -> None:
    assert "<html" in httpx.get(stack.addresses.ui_url, follow_redirects=True).text.lower()


def test_the_environment_file_is_read_by_a_shell(stack: Stack) -> None:
    file = stack.addresses.state_dir / "environment"
    command = (
        f"set -a; . '{file}'; '{sys.executable}' -c 'import os; print(os.environ[\"COUNTERSIGN_DATABASE_URL\"])'"
    )
    told = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == stack.addresses.database_url
