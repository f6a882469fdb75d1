"""Holds Countersign's SSH key and speaks to a host directly: what the forced command lets through."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.targets.hosts.tools.systemctl_restart import UNIT

SHIPPED = Path(__file__).parents[2] / "deployments" / "hosts"
GATE: dict[str, object] = {"__name__": "gate"}
exec(compile((SHIPPED / "countersign-gate").read_text(), "countersign-gate", "exec"), GATE)
LINES = [line for line in (SHIPPED / "allowed").read_text().splitlines() if line and not line.startswith("#")]
SUFFIXES = ("", ".service", ".target", ".socket", ".timer", ".path", ".mount", ".scope", ".slice", ".swap", ".device")
POWER = ("reboot", "poweroff", "halt", "kexec", "shutdown", "rescue", "emergency", "initrd-cleanup", "debug-shell")


def passes(words: list[str], lines: list[str] = LINES) -> bool:
    return GATE["allowed"](words, lines)  # type: ignore[operator,no-any-return]


def restart(unit: str) -> list[str]:
    return ["sudo", "-n", "timeout", "--kill-after=5", "120", "systemctl", "restart", unit]


@pytest.mark.parametrize("name", [*POWER, *(f"systemd-{name}" for name in (*POWER, "exit", "suspend", "hibernate"))])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_unit_that_is_an_action_of_systemd_is_restarted(name: str, suffix: str) -> None:
    assert not passes(restart(name + suffix))


@pytest.mark.parametrize("unit", ["multi-user.target", "runlevel0.target", "ctrl-alt-del.target", "home.mount"])
def test_no_unit_of_another_kind_is_restarted(unit: str) -> None:
    assert not passes(restart(unit))
    # Nor where somebody wrote it into the list.
    assert not passes(restart(unit), [*LINES, f"root systemctl restart {unit}"])


@given(st.from_regex(r"(systemd-|initrd-)?[a-z@.]{1,12}(\.service|\.target|\.timer)?", fullmatch=True))
def test_the_host_lets_through_no_unit_that_countersign_would_not_restart(unit: str) -> None:
    assert passes(restart(unit)) == UNIT.fits(unit)


@pytest.mark.parametrize(
    "unit", ["nginx", "nginx.service", "systemd-resolved.service", "app@1.timer", "reboot-notify"]
)
def test_other_units_are_restarted(unit: str) -> None:
    assert passes(restart(unit))


@pytest.mark.parametrize("limit", ["0", "00", "000", "0.0", "infinity", "1d", "9999", "٣", ""])
def test_nothing_runs_without_a_limit_of_time(limit: str) -> None:
    assert not passes(["timeout", "--kill-after=5", limit, "uptime"])


def test_what_is_refused_is_said_in_a_sentence_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("timeout", "sudo", "systemctl"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {shlex.quote(str(marker))}\n")
        (programs / name).chmod(0o755)
    gate = [sys.executable, str(SHIPPED / "countersign-gate"), "--allowed", str(SHIPPED / "allowed")]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    for words in (restart("poweroff.target"), ["timeout", "--kill-after=5", "0", "uptime"]):
        environment["SSH_ORIGINAL_COMMAND"] = shlex.join(words)
        ended = subprocess.run(gate, env=environment, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (126, "countersign-gate: this command is not allowed here\n")
    assert not marker.exists()
