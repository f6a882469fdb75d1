"""No parameter, whatever its text, makes a command differ from what the tool's grammar allows."""

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.actions.hosts import HOST_TOOLS, route
from countersign.errors import GateRefused
from countersign.targets.hosts.gates import fourth_gate
from countersign.targets.hosts.ssh import command_line
from countersign.targets.hosts.tools.registry import TOOLS
from countersign.targets.hosts.tools.systemctl_restart import UNIT

LOG = f"/var/lib/docker/containers/{'a' * 64}/{'a' * 64}-json.log"
# Written down a second time, on purpose: the words that may stand in each place, "{name}" for a parameter's own.
SHAPES: dict[str, list[list[str]]] = {
    "ssh_docker_restart": [["docker", "restart", "{container}"]],
    "ssh_docker_compose_restart": [["docker", "compose", "-p", "{project}", "restart", "{service}"]],
    "ssh_systemctl_restart": [["systemctl", "restart", "{unit}"]],
    "ssh_clear_docker_logs": [["truncate", "--no-create", "--size=0", LOG]],
    "ssh_renew_ssl": [["certbot", "renew", "--cert-name", "{cert_name}", "--non-interactive"]],
    "ssh_reload_nginx": [["nginx", "-t"], ["nginx", "-s", "reload"]],
}
PRUNES = [
    ["docker", noun, "prune", "--force", *everything]
    for noun in ("image", "volume", "system")
    for everything in ([], ["--all"])
]
DIAGNOSIS = 7

near_names = st.from_regex(r"[-a-zA-Z0-9._@:/ ;$(){}=*'\"\n]{0,24}", fullmatch=True)
values = st.one_of(
    st.sampled_from(["images", "volumes", "system", "true", "false"]),
    st.text(max_size=40),
    near_names,
    st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
)


@pytest.mark.parametrize("name", TOOLS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_parameter_is_one_whole_word_or_refused(name: str, data: st.DataObject) -> None:
    tool = TOOLS[name]
    parameters = {key: data.draw(values, label=key) for key in tool.parameters}
    try:
        fourth_gate(tool, parameters, trust=None)
    except GateRefused as refusal:
        assert refusal.gate_code == "parameter_invalid"
        return
    commands = tool.commands(parameters, {"path": LOG})
    if name == "ssh_diagnose":
        assert len(commands) == DIAGNOSIS
        assert not any(command.changes for command in commands)
        return
    if name == "ssh_docker_prune":
        assert [list(command.argv) in PRUNES for command in commands] == [True]
        return
    for command, shape in zip(commands, SHAPES[name], strict=True):
        assert len(command.argv) == len(shape)
        for word, place in zip(command.argv, shape, strict=True):
            if place.startswith("{"):
                given_word = parameters[place.strip("{}")]
                assert word in (given_word, f"{given_word}.service")
                assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:@-]*", word)
            else:
                assert word == place
        line = command_line(command.argv, limit=command.limit, root=True)
        wrapper = ["sudo", "-n", "timeout", "--kill-after=5", str(command.limit)]
        assert shlex.split(line) == [*wrapper, *command.argv]


@pytest.mark.parametrize(
    "unit",
    ["reboot.target", "reboot", "poweroff.service", "systemd-reboot.service", "systemd-poweroff", "rescue", "halt",
     "emergency.service", "multi-user.target", "kexec", "initrd-cleanup.service", "-H", "--all", "nginx*", "a b",
     "../x", "", "var-lib.mount", "user.slice", "systemd-journald-evil.service", "nginx.service\n"],
)  # fmt: skip
def test_a_unit_that_is_an_action_or_no_unit_is_refused(unit: str) -> None:
    assert not UNIT.fits(unit)


@pytest.mark.parametrize(
    "unit", ["nginx", "nginx.service", "getty@tty1.service", "systemd-resolved", "systemd-journald.service",
             "apt-daily.timer", "docker.socket", "rescue-db.service", "a:b", "halting", "shutdown-hook.service"],
)  # fmt: skip
def test_an_ordinary_unit_is_accepted(unit: str) -> None:
    assert UNIT.fits(unit)


@pytest.mark.parametrize(
    ("name", "example"), [(tool.name, example) for tool in HOST_TOOLS for example in tool.examples]
)
def test_what_the_action_grammar_reads_is_what_the_tool_takes(name: str, example: str) -> None:
    routed, parameters = route(example.replace("ID", "a" * 64))
    assert routed.name == name
    assert routed.scope == TOOLS[name].scope
    fourth_gate(TOOLS[name], dict(parameters), trust=None)


def test_the_action_grammar_knows_every_tool_with_its_parameters() -> None:
    assert {tool.name: set(tool.parameters) for tool in HOST_TOOLS} == {
        name: set(tool.parameters) for name, tool in TOOLS.items()
    }
