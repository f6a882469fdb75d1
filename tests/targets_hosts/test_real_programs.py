"""The tools against this machine's own programs, where it has them: the stand-ins might be kinder than those.

Nothing here can change the machine: what is named does not exist, and what needs no name (reload, prune) is only
planned. So every outcome is evidence or a failure that says why, and never a success.
"""

import math
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from countersign.actions.operation import HostOperation
from countersign.errors import PermanentTargetError, TargetError, TargetNotFound, TransientTargetError
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.reading import HostReader, failure
from countersign.targets.hosts.sending import send
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Command
from countersign.targets.hosts.tools.registry import TOOLS
from countersign.targets.hosts.watching import _wait_until_over
from countersign.targets.model import Inspection, Landed
from sandbox.hosts.keys import new_key
from sandbox.hosts.openssh import OpenSSH
from sandbox.hosts.standin_server import StandInServer
from tests.intents import apply
from tests.targets_hosts.conftest import AT, CALLER, RULES, sshd

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ABSENT = "countersign-test-absent"
NAMED: dict[str, tuple[str, dict[str, str]]] = {
    "ssh_docker_restart": ("docker", {"container": ABSENT}),
    "ssh_docker_compose_restart": ("docker", {"project": ABSENT, "service": ABSENT}),
    "ssh_systemctl_restart": ("systemctl", {"unit": ABSENT}),
    "ssh_clear_docker_logs": ("docker", {"container": ABSENT}),
    "ssh_renew_ssl": ("certbot", {"cert_name": ABSENT}),
}
NAMELESS: dict[str, tuple[str, dict[str, str]]] = {
    "ssh_reload_nginx": ("nginx", {}),
    "ssh_docker_prune": ("docker", {"what": "images", "all": "false"}),
}
# Truncating needs no program that a machine may lack, and says nothing of a file that is not there.
SENDABLE = [name for name in NAMED if name != "ssh_clear_docker_logs"]


@pytest.fixture(scope="module", params=["standin", sshd])
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """A login to this machine itself, with its own programs on the PATH."""
    folder: Path = tmp_path_factory.mktemp("this-machine")
    kind: type[OpenSSH] | type[StandInServer] = OpenSSH if request.param == "sshd" else StandInServer
    host_key, client_key = new_key(), new_key()
    server = kind(folder, host_key=host_key, client_key=client_key, path=PATH)
    host = HostSettings(
        name="this-machine",
        address="127.0.0.1",
        user=server.user,
        private_key=SecretStr(client_key.private),
        host_keys=(host_key.public,),
        port=server.port,
        environment="sandbox",
        sudo=False,
    )
    with Sessions(FleetSettings("real", (host,), linger_seconds=0)) as opened:
        yield opened
    server.close()


def has(program: str) -> bool:
    return shutil.which(program, path=PATH) is not None


def target(sessions: Sessions) -> HostTarget:
    return HostTarget(sessions=sessions, gateway=Gateway(rules=RULES, audit=lambda _: None, keys=None), caller=CALLER)


def operation(tool: str, parameters: dict[str, str]) -> HostOperation:
    return HostOperation(tool, "this-machine", parameters=tuple(sorted(parameters.items())))


@pytest.mark.parametrize("tool", [*NAMED, *NAMELESS])
def test_a_program_that_is_missing_is_named(sessions: Sessions, tool: str) -> None:
    program, parameters = (NAMED | NAMELESS)[tool]
    if has(program):
        pytest.skip(f"{program} is installed")
    asked, planned = target(sessions), operation(tool, parameters)
    with pytest.raises(TargetError) as caught:
        asked.plan(planned, asked.resolve(planned), at=AT)
    # nginx is looked for among the processes first.
    said = "0 nginx masters run" if tool == "ssh_reload_nginx" else f"{program} is not installed on this-machine"
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("bash: line 1: sudo: command not found", "sudo"),
        ("sh: 1: sudo: not found", "sudo"),
        ("timeout: failed to run command 'docker': No such file or directory", "docker"),
    ],
)
def test_sudo_that_is_missing_is_not_taken_for_the_program(said: str, missing: str) -> None:
    key = new_key()
    host = HostSettings("web-1", "10.0.0.1", "deploy", SecretStr(key.private), (key.public,))
    error = failure(host, ("docker", "restart", "web"), Output(127, "", said, truncated=False, duration_ms=1))
    assert error.message.startswith(f"{missing} is not installed on web-1")


@pytest.mark.parametrize("tool", NAMED)
def test_what_the_real_program_does_not_know_is_not_planned(sessions: Sessions, tool: str) -> None:
    program, parameters = NAMED[tool]
    if not has(program):
        pytest.skip(f"{program} is not installed")
    asked, planned = target(sessions), operation(tool, parameters)
    with pytest.raises((TargetNotFound, PermanentTargetError, TransientTargetError)) as caught:
        asked.plan(planned, asked.resolve(planned), at=AT)
    # Either the thing is missing, or the program says why it cannot tell: no daemon, no systemd, no right.
    assert ABSENT in caught.value.message or "ended with exit code" in caught.value.message


@pytest.mark.parametrize("tool", SENDABLE)
def test_what_the_real_program_refuses_is_a_failure_with_its_own_words(sessions: Sessions, tool: str) -> None:
    program, parameters = NAMED[tool]
    if not has(program):
        pytest.skip(f"{program} is not installed")
    (host,) = sessions.fleet.hosts
    effect = send(sessions, host, TOOLS[tool].commands(parameters, {}), read_only=False, not_after=math.inf)
    error = effect.error(Inspection(Landed.NO, "nothing of this name is there", {}))
    assert effect.outputs[-1].exit_code != 0
    assert isinstance(error, TargetError)
    assert "it said nothing" not in error.message


@pytest.mark.parametrize("tool", NAMELESS)
def test_what_needs_no_name_is_planned_from_the_real_programs_answers_or_refused(
    sessions: Sessions, tool: str
) -> None:
    program, parameters = NAMELESS[tool]
    if not has(program):
        pytest.skip(f"{program} is not installed")
    asked, planned = target(sessions), operation(tool, parameters)
    try:
        (step,) = asked.plan(planned, asked.resolve(planned), at=AT).steps
    except (TargetNotFound, PermanentTargetError, TransientTargetError) as refused:
        assert "nginx masters run" in refused.message or "ended with exit code" in refused.message
    else:
        assert step.before
        assert TOOLS[tool].judge(step.before, step.before).landed is not Landed.UNCLEAR


def test_a_diagnosis_shows_what_the_machine_says_and_what_it_cannot(sessions: Sessions) -> None:
    asked, planned = target(sessions), operation("ssh_diagnose", {})
    plan = asked.plan(planned, asked.resolve(planned), at=AT)
    answers = {one["command"].split()[0]: one for one in apply(asked, plan, plan.steps[0]).detail["commands"]}
    for program, expected in (("uptime", "load average"), ("df", "Filesystem"), ("free", "Mem:"), ("ps", "PID")):
        if has(program):
            assert answers[program]["exit_code"] == 0
            assert expected in answers[program]["stdout"]
    for program in ("systemctl", "docker"):
        answer = answers[program]
        assert answer["exit_code"] == 0 or answer["stderr"], program
    assert str(os.getpid()) in answers["ps"]["stdout"].split()


@pytest.mark.skipif(not has("ps"), reason="procps is not installed")
def test_the_real_ps_shows_whether_a_command_still_runs(sessions: Sessions) -> None:
    (host,) = sessions.fleet.hosts
    reader = HostReader(sessions, host)
    # A length of its own, so that no other process of the machine looks the same.
    argv = ("sleep", f"1.{time.time_ns()}")

    def seen() -> bool:
        return argv[1] in reader("ps", "-ww", "-eo", "args=").stdout

    sleeping = threading.Thread(target=sessions.run, args=(host, argv), kwargs={"limit": 30})
    sleeping.start()
    while not seen():
        assert sleeping.is_alive()
    assert _wait_until_over(reader, [Command(argv)])
    assert not seen()
    sleeping.join()
