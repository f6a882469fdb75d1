"""The program that stands behind the key on a host lets every tool work and nothing else."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.ssh import Sessions
from sandbox.hosts.host import SandboxHost
from tests.intents import apply
from tests.targets_hosts.conftest import World, sshd

SHIPPED = Path(__file__).parents[2] / "deployments" / "hosts"
GATE: dict[str, object] = {"__name__": "gate"}
exec(compile((SHIPPED / "countersign-gate").read_text(), "countersign-gate", "exec"), GATE)
LINES = [line for line in (SHIPPED / "allowed").read_text().splitlines() if line and not line.startswith("#")]


def allowed(command: str) -> bool:
    return GATE["allowed"](shlex.split(command), LINES)  # type: ignore[operator,no-any-return]


@pytest.fixture(params=["standin", sshd])
def gated(request: pytest.FixtureRequest, tmp_path: Path, keys: ApprovalKeys) -> Iterator[World]:
    # Its list lies where a path has every character that authorized_keys and a shell read in their own way.
    folder = tmp_path / 'a "quoted" \\folder\'s $HOME'
    folder.mkdir()
    shutil.copy(SHIPPED / "allowed", folder)
    gate = shlex.join([sys.executable, str(SHIPPED / "countersign-gate"), "--allowed", str(folder / "allowed")])
    with (
        SandboxHost(server=request.param, folder=tmp_path / "host", gate=gate) as host,
        Sessions(FleetSettings("sandbox", (host.settings(),), linger_seconds=0)) as sessions,
    ):
        yield World(host, keys, sessions)


def test_every_tool_works_through_the_forced_command(gated: World) -> None:
    target = gated.target()
    for tool, parameters in (
        ("ssh_diagnose", {}),
        ("ssh_docker_restart", {"container": "web"}),
        ("ssh_docker_compose_restart", {"project": "shop", "service": "cart"}),
        ("ssh_systemctl_restart", {"unit": "nginx"}),
        ("ssh_clear_docker_logs", {"container": "web"}),
        ("ssh_renew_ssl", {"cert_name": "example.org"}),
        ("ssh_reload_nginx", {}),
        ("ssh_docker_prune", {"what": "system", "all": "true"}),
        ("ssh_docker_prune", {"what": "volumes", "all": "false"}),
    ):
        plan = gated.plan(tool, target, **parameters)
        target.preflight(plan)
        receipt = apply(target, plan, plan.steps[0])
        assert [one["exit_code"] for one in receipt.detail["commands"]] == [0] * len(receipt.detail["commands"])
        target.inspect(plan, plan.steps[0])


def test_another_command_is_refused_by_the_host_itself(gated: World, tmp_path: Path) -> None:
    (host,) = gated.sessions.fleet.hosts
    for argv in (["touch", str(tmp_path / "x")], ["docker", "rm", "-f", "web"], ["docker", "restart", "--help"]):
        output = gated.sessions.run(host, argv, limit=5)
        assert (output.exit_code, output.stderr) == (126, "countersign-gate: this command is not allowed here\n")
    assert not (tmp_path / "x").exists()
    assert gated.host.calls == ()


@pytest.mark.parametrize(
    "command",
    [
        "timeout --kill-after=5 60 docker restart web",
        "sudo -n timeout --kill-after=5 60 docker restart web",
        "sudo -n -l timeout --kill-after=5 60 docker restart web",
        "timeout --kill-after=5 20 docker container inspect --format={{.Image}} a b c",
    ],
)
def test_what_countersign_sends_is_allowed(command: str) -> None:
    assert allowed(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "docker restart web",
        "timeout --kill-after=5 60",
        "timeout --kill-after=5 99999 docker restart web",
        "timeout --kill-after=5 60 docker restart",
        "timeout --kill-after=5 60 docker restart web db",
        "timeout --kill-after=5 60 docker restart --time=0",
        "timeout --kill-after=5 60 docker restart 'web; reboot'",
        "timeout --kill-after=5 60 docker restart 'web\n'",
        "timeout --kill-after=5 60 truncate --no-create --size=0 /var/lib/docker/containers/../../x-json.log",
        "sudo -n timeout --kill-after=5 20 uptime",
        "sudo -u postgres timeout --kill-after=5 20 docker restart web",
        "sudo -n -l -U root timeout --kill-after=5 20 docker restart web",
        "timeout --kill-after=5 20 docker container inspect --format={{.Image}}",
        "timeout --kill-after=5 20 docker container inspect --format={{.Config}} web",
    ],
)
def test_what_it_does_not_send_is_refused(command: str) -> None:
    assert not allowed(command)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_in_place_of_a_name_is_more_than_a_name(text: str) -> None:
    words = ["timeout", "--kill-after=5", "60", "docker", "restart", text]
    if GATE["allowed"](words, LINES):  # type: ignore[operator]
        assert text[0].isalnum()
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:-")


def test_without_its_list_the_program_refuses_everything(tmp_path: Path) -> None:
    environment = {**os.environ, "SSH_ORIGINAL_COMMAND": "timeout --kill-after=5 5 uptime"}
    command = [sys.executable, str(SHIPPED / "countersign-gate"), "--allowed", str(tmp_path / "missing")]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 126


def test_a_unit_with_an_escape_of_systemd_is_restarted_under_its_own_name() -> None:
    argv = ["sudo", "-n", "timeout", "--kill-after=5", "60", "systemctl", "restart", r"backup@srv\x2dwww.service"]
    assert allowed(shlex.join(argv))
    assert not allowed(shlex.join([*argv[:-3], "docker", "restart", argv[-1]]))
    for name in (r"reboot\x2dx.target", r"-\x2dforce", r"a\x2D.service", r"a\n.service", r"a\x2.service"):
        assert not allowed(shlex.join([*argv[:-1], name])), name
