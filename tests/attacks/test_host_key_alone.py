"""Holds Countersign's SSH key and speaks to a host directly: what the forced command lets through."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.targets.hosts.batch import EFFECT, READINGS
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


SHOW = "timeout --kill-after=5 20 cat /proc/loadavg"
CHANGE = "sudo -n timeout --kill-after=5 60 docker restart web"
MARK = "0" * 32


def readings(*texts: str, script: str = READINGS, mark: str = MARK) -> list[str]:
    return ["sh", "-c", script, "sh", mark, *texts]


def effect(*texts: str, conditions: int | str = 1, mark: str = MARK) -> list[str]:
    return ["sh", "-c", EFFECT, "sh", mark, str(conditions), *texts]


def lets(words: list[str]) -> bool:
    return GATE["permitted"](words, LINES)  # type: ignore[operator,no-any-return]


def test_several_commands_in_one_are_let_through_in_the_two_forms_that_countersign_sends() -> None:
    assert (GATE["READINGS"], GATE["EFFECT"]) == (READINGS, EFFECT)
    assert lets(readings(SHOW))
    assert lets(readings(SHOW, CHANGE))
    assert lets(effect(SHOW, "any answer; $(reboot)", CHANGE))
    assert lets(effect(SHOW, "", SHOW, "", CHANGE, CHANGE, conditions=2))


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", SHOW],
        ["sh", "-c", READINGS],
        ["bash", "-c", READINGS, "sh", MARK, SHOW],
        ["sudo", "-n", *readings(SHOW)],
        ["timeout", "--kill-after=5", "20", *readings(SHOW)],
        readings(SHOW, script=f"{READINGS}; reboot"),
        readings(SHOW, script=READINGS.replace("eval", "eval ")),
        readings(),
        readings("", SHOW),
        readings(SHOW, mark="x"),
        readings(SHOW, mark=f"{MARK}; reboot"),
        readings(SHOW, mark=f"{MARK}\n"),
        readings(*[SHOW] * 17),
        readings(SHOW, "reboot"),
        readings(f"{SHOW}; reboot"),
        readings(f"{SHOW} $(reboot)"),
        readings(f"{SHOW}\nreboot"),
        readings(shlex.join(readings(SHOW))),
        readings(shlex.join(restart("reboot.target"))),
        effect(SHOW, "", CHANGE, conditions=0),
        effect(SHOW, "", CHANGE, conditions=2),
        effect(SHOW, "", CHANGE, conditions="1 "),
        effect(SHOW, "", conditions=1),
        effect("reboot", "", CHANGE),
        effect(SHOW, "", "reboot"),
        effect(SHOW, "", shlex.join(restart("poweroff"))),
        effect(SHOW, "", shlex.join(restart("systemd-reboot.service")), CHANGE),
    ],
)
def test_no_other_script_and_no_other_command_comes_in_one(words: list[str]) -> None:
    assert not lets(words)


@given(st.lists(st.one_of(st.sampled_from([SHOW, CHANGE]), st.text("abt;$(){}'\"\\\n -", max_size=12)), max_size=5))
def test_what_is_let_through_in_one_is_what_is_let_through_alone(texts: list[str]) -> None:
    try:
        alone = bool(texts) and all(passes(shlex.split(text)) for text in texts)
        together = lets(readings(*texts))
    except ValueError:
        return  # quotes that do not close: refused before anything is compared
    assert together == alone


def test_no_shell_reads_what_is_let_through(tmp_path: Path) -> None:
    """Every word of a batch is passed on as it is, and an answer is only compared."""
    (tmp_path / "allowed").write_text("user printf %s '{name}; touch marker' $(touch marker)\n")
    text = shlex.join(["timeout", "--kill-after=5", "5", "printf", "%s", "a; touch marker", "$(touch", "marker)"])
    environment = {**os.environ, "SSH_ORIGINAL_COMMAND": shlex.join(effect(text, "$(touch marker)", text))}
    gate = [sys.executable, str(SHIPPED / "countersign-gate"), "--allowed", str(tmp_path / "allowed")]
    ended = subprocess.run(gate, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (75, "", f"{MARK} differs\n")
    environment["SSH_ORIGINAL_COMMAND"] = shlex.join(effect(text, "a; touch marker$(touchmarker)0", text))
    ended = subprocess.run(gate, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "a; touch marker$(touchmarker)")
    assert not (tmp_path / "marker").exists()


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
