"""Programs read the same from every command that lists or shows: -o json, -o yaml, and --json as before."""

import json
from importlib.metadata import version

import pytest
import yaml
from sqlalchemy import Engine

from countersign.records.database.identifiers import short_id
from tests.cli.conftest import Run
from tests.records.builders import pending

COMMANDS = [
    ("approvals", "list"),
    ("incidents", "list"),
    ("incidents", "dispositions"),
    ("playbooks", "list"),
    ("playbooks", "trust"),
    ("knowledge", "search"),
    ("dead-letters", "list"),
    ("audit", "list"),
    ("policy", "history"),
    ("kill-switch", "show"),
    ("status",),
    ("parse", "kubectl cordon node-1"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_json_and_yaml_say_the_same(run: Run, words: tuple[str, ...]) -> None:
    as_json = json.loads(run(*words, "-o", "json")[0])
    assert yaml.safe_load(run(*words, "-o", "yaml")[0]) == as_json == json.loads(run(*words, "--json")[0])
    run(*words, "-o", "wide")


def test_what_follows_two_dashes_is_no_option(run: Run) -> None:
    code, _, err = run.refused("parse", "--", "--json")
    assert (code, "Usage" in err) == (2, False)


def test_yaml_lets_nothing_steer_the_terminal_and_says_it_all(run: Run, engine: Engine) -> None:
    hostile = "kubectl annotate pod/a note=\u202eevil -n prod"
    approval = pending(engine, action=hostile)
    out, _ = run("approvals", "show", short_id(approval.id), "-o", "yaml")
    assert "\u202e" not in out
    assert yaml.safe_load(out)["action"] == hostile


def test_yaml_shows_other_scripts_as_they_are(run: Run, engine: Engine) -> None:
    pending(engine, action="NO_ACTION: 觀察")
    assert "觀察" in run("approvals", "list", "-o", "yaml")[0]


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == (f"{version('countersign')}\n", "")


def test_whoever_has_no_login_name_is_asked_for_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # As in a container that runs as a number.
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    code, _, err = run.refused("kill-switch", "on", "--reason", "an outage")
    assert (code, "--by NAME" in err) == (2, True)
    assert run("kill-switch", "on", "--reason", "an outage", "--by", "ann")[0].startswith("on, set by ann")
