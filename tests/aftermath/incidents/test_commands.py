"""The commands of incidents, knowledge, steps and dead letters, as a person at a terminal uses them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from countersign.cli import main
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import bury
from countersign.records.ledger import NewStep, fail_step, take_step
from tests.aftermath.incidents.remembered import alert
from tests.aftermath.step_runner.place import FIRST, executed

Run = Callable[..., str]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
    valkey_url: str,
) -> Run:
    """Run a command in this process and return what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_REDIS_URL", valkey_url)

    def go(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["countersign", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said.err
        return said.out + said.err

    return go


def payload(folder: Path, *alerts: dict[str, Any]) -> str:
    file = folder / "alerts.json"
    file.write_text(json.dumps({"groupKey": "g", "alerts": alerts}))
    return str(file)


def test_an_incident_from_its_alerts_to_its_end(run: Run, tmp_path: Path) -> None:
    opened = json.loads(run("incidents", "open", "--from", payload(tmp_path, alert()), "--json"))
    name = opened["incident"]
    assert opened["became"] == "opened"
    assert name in run("incidents", "list", "--open")
    assert json.loads(run("incidents", "show", name, "--json"))["source"] == "working"
    run("incidents", "move", name, "investigating")
    assert run("incidents", "resolve", name, "--reason", "fixed") == f"Incident {name} is resolved.\n"
    assert run("incidents", "resolve", name) == f"Incident {name} was resolved already.\n"
    shown = run("incidents", "show", name)
    assert "HighLatency" in shown
    assert "fixed" in shown
    assert "There is no such incident" in run("incidents", "list", "--open")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("incidents", "show", "INC-0"), "INC-0 does not exist", 6),
        (("incidents", "open", "--from", "no-such-file"), "cannot be read", 2),
        (("knowledge", "show", "x"), "is not an identifier", 2),
        (("dead-letters", "replay"), "say which", 2),
        (("dead-letters", "show", "00000000-0000-0000-0000-000000000000"), "does not exist", 6),
        (("steps", "list", "00000000-0000-0000-0000-000000000000"), "no execution", 6),
    ],
)
def test_mistakes_are_one_sentence(run: Run, words: tuple[str, ...], said: str, code: int) -> None:
    told = run(*words, code=code)
    assert said in told
    assert "Traceback" not in told


def test_a_document_without_an_end_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "is not JSON" in run("incidents", "open", "--from", "deep.json", code=2)


def test_a_case_that_a_person_writes_is_found(run: Run) -> None:
    entry = run("knowledge", "add", "Disk full", "--body", "Prune the images.", "--tag", "disk").strip()
    assert entry in run("knowledge", "search", "image")
    assert json.loads(run("knowledge", "search", "", "--tag", "disk", "--json"))[0]["title"] == "Disk full"
    assert "Prune the images." in run("knowledge", "show", entry)


def test_a_dead_letter_is_listed_shown_and_replayed(run: Run, engine: Engine) -> None:
    execution = executed(engine, NewStep(FIRST, 1, max_attempts=1))
    with transaction(engine) as session:
        step = take_step(session, execution, FIRST, runner="r1", lease_seconds=60)
        assert step is not None
        fail_step(session, step, error="x: broken", pause_seconds=0)
        bury(session, step.id, payload={}, pause_seconds=60, replays=1)
    (letter,) = json.loads(run("dead-letters", "list", "--json"))
    assert letter["error"] == "x: broken"
    assert json.loads(run("dead-letters", "show", letter["id"], "-o", "json"))["execution_id"] == str(execution)
    assert "There is no dead letter" in run("dead-letters", "replay", "--kind", "verify")
    assert run("dead-letters", "replay", "--all") == f"{execution}  notify channels\n"
    assert "to be done" in run("steps", "list", str(execution))


def test_dispositions_are_rebuilt_and_shown(run: Run, engine: Engine) -> None:
    execution = executed(engine)
    with transaction(engine) as session:
        session.execute(
            text("INSERT INTO disposition VALUES (:id, 'A|prod|api', 'auto_approved', 'success')"), {"id": execution}
        )
    assert (
        run("incidents", "dispositions", "--rebuild") == "A|prod|api  auto-approved 1, auto-approved (Succeeded) 1\n"
    )
