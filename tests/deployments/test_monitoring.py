"""The dashboards, the rules and the runbook agree with each other and with what is declared."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from countersign.cli import app
from countersign.metrics.family import DECLARED
from tests.deployments.alerts import ALERTS, promtool_tests

PROJECT = Path(__file__).parents[2]
GRAFANA = PROJECT / "deployments" / "grafana"
RULES = PROJECT / "deployments" / "prometheus" / "countersign.rules.yaml"
RUNBOOK = PROJECT / "docs" / "runbook.md"
PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here (make prometheus)")
NOT_OURS = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes", "countersign_build_info"}
OFFERED = {
    f"{family.name}{suffix}"
    for family in DECLARED
    for suffix in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",))
}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboards() -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))}


def queries() -> Iterator[tuple[str, str]]:
    """Yield every expression of a dashboard or a rule, with where it stands."""
    for name, found in dashboards().items():
        for panel in found["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}", target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def named_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:countersign_\w+|process_\w+|up(?=[{ =]))", re.sub(r'"[^"]*"', '""', expression)))


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboards", GRAFANA / "dashboards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "dashboards", module)
        spec.loader.exec_module(module)
    return module


def test_the_dashboards_are_as_their_code_makes_them() -> None:
    made = builder().files()
    assert {path.name for path in GRAFANA.glob("*.json")} == set(made)
    for name, written in made.items():
        assert (GRAFANA / name).read_text() == written, "make it again: python deployments/grafana/dashboards.py"


@pytest.mark.parametrize("name", ["countersign.json", "countersign-inside.json"])
def test_panels_lie_beside_each_other_and_have_numbers_of_their_own(name: str) -> None:
    panels = dashboards()[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert sorted(set(ids)) == sorted(ids)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not covered & cells, panel["title"]
        covered |= cells


def test_only_metrics_that_are_declared_are_asked_for() -> None:
    assert {name for _, expression in queries() for name in named_in(expression)} - OFFERED - NOT_OURS == set()


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {name for where, expression in queries() if ".json" in where for name in named_in(expression)}
    missing = {
        family.name
        for family in DECLARED
        if not any(name in shown for name in OFFERED if name.startswith(family.name)) and family.name not in shown
    }
    assert missing == set()


def test_every_alert_leads_to_its_section_of_the_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook_url"].endswith(f"/runbook.md#{rule['alert'].lower()}")
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_every_section_says_what_to_look_at_and_what_to_do() -> None:
    for section in RUNBOOK.read_text().split("\n## ")[1:]:
        assert "\n- Look: " in section and "\n- Do: " in section, section.splitlines()[0]


def commands() -> list[str]:
    said = re.sub(r"\s+", " ", RUNBOOK.read_text())
    return sorted(set(re.findall(r"`(countersign [^`]+)`", said)))


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_runbook_is_there_with_its_options(command: str) -> None:
    _, *words = shlex.split(command)
    called = [word for word in words if re.fullmatch(r"[a-z-]+", word) and not word.startswith("--")]
    options = [word for word in words if word.startswith("--")]
    path = called[: 2 if called[0] not in ("status", "doctor", "reconcile", "web") else 1]
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert told.exit_code == 0, told.output
    assert [option for option in options if option not in told.output] == []


def test_every_alert_is_tried() -> None:
    assert list(ALERTS) == [rule["alert"] for rule in rules()]


@PROMTOOL
def test_prometheus_understands_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@PROMTOOL
def test_every_alert_fires_when_it_should_and_not_when_it_should_not(tmp_path: Path) -> None:
    # Each alone: promtool evaluates all rules of a file at every minute of every test.
    tests = []
    for rule in rules():
        alone = tmp_path / f"{rule['alert']}.yaml"
        alone.write_text(yaml.safe_dump({"groups": [{"name": "alone", "rules": [rule]}]}))
        tests.append(tmp_path / f"{rule['alert']}.test.yaml")
        tests[-1].write_text(promtool_tests(rule, alone.name))
    done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
