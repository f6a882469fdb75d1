"""The sandbox host as a process of its own, and what it promises to those who test with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.ssh import Sessions
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.installation import install
from tests.intents import apply
from tests.targets_hosts.conftest import World, sshd


def restart(settings: HostSettings) -> Output:
    with Sessions(FleetSettings("sandbox", (settings,))) as sessions:
        return sessions.run(settings, ["docker", "restart", "web"], limit=10)


def test_as_a_process_it_says_in_one_line_how_to_reach_it_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sandbox.hosts",
        "--name",
        "web-9",
        "--folder",
        str(tmp_path / "host"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        settings = HostSettings(
            name=ready["name"],
            address=ready["address"],
            port=ready["port"],
            user=ready["user"],
            host_keys=(ready["host_key"],),
            private_key=SecretStr(Path(ready["private_key_file"]).read_text()),
        )
        assert restart(settings).exit_code == 0
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_started_again_on_its_folder_it_is_the_same_host(tmp_path: Path) -> None:
    with SandboxHost(folder=tmp_path / "host", server="standin") as first:
        settings = first.settings()
        restart(settings)
    with SandboxHost(folder=tmp_path / "host", server="standin", port=first.port) as again:
        assert again.settings() == settings
        assert restart(settings).exit_code == 0
        assert again.effects == ("restart web", "restart web")


@pytest.mark.parametrize("server", ["standin", "auto"])
def test_closing_ends_what_still_runs_and_removes_the_folder(server: str) -> None:
    with SandboxHost(server=server) as host:  # type: ignore[arg-type]
        host.fault("hang", "docker")
        sessions = Sessions(FleetSettings("sandbox", (host.settings(),)))
        channel = sessions._session(host.settings())
        channel.exec_command("docker ps")
        while not host.running:
            pass
        (call,) = host.running
        sessions.close()
    assert not call.alive
    assert not host.folder.exists()


@pytest.mark.parametrize("name", ["short", "long " * 40])
def test_closing_leaves_no_socket_behind(name: str, tmp_path: Path) -> None:
    """A long path's socket lies in a folder elsewhere, which goes too; the host's own folder stays."""
    folder = tmp_path / name.strip()
    with SandboxHost(folder=folder, server="standin"):
        socket = Path((folder / "control").read_text())
        assert socket.is_socket()
    assert not socket.exists()
    assert socket.parent.exists() == (socket.parent == folder)
    assert folder.exists()


@pytest.fixture(params=["with 'single' and \"double\" quotes, 100 %u and $HOME", "long " * 40])
def awkward(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with spaces or a path beyond what a "#!" line takes, and the interpreter in there too."""
    folder = tmp_path / request.param.strip() / request.param.strip()
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(folder / "bin" / "python"))
    return folder / "the host"


def test_a_stand_in_runs_wherever_the_project_and_its_interpreter_lie(awkward: Path) -> None:
    path = install(awkward)
    words = ["docker", "restart", "two words", "$HOME"]
    subprocess.run(words, env={"PATH": path}, capture_output=True, check=False)
    (call,) = (awkward / "calls.jsonl").read_text().splitlines()
    assert json.loads(call)["argv"] == words


@pytest.mark.parametrize("server", ["standin", sshd])
def test_a_tool_works_wherever_the_project_and_its_interpreter_lie(
    server: str, awkward: Path, keys: ApprovalKeys
) -> None:
    with (
        SandboxHost(folder=awkward, server=server) as host,  # type: ignore[arg-type]
        Sessions(FleetSettings("sandbox", (host.settings(),))) as sessions,
    ):
        world = World(host, keys, sessions)
        target = world.target()
        for tool in ("ssh_docker_restart", "ssh_clear_docker_logs"):
            plan = world.plan(tool, target, container="web")
            target.preflight(plan)
            apply(target, plan, plan.steps[0])
        restarted, cleared = host.effects
        assert restarted == "restart web"
        assert cleared.startswith("truncate ")
