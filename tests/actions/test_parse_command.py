"""`countersign parse` answers every line, whatever it holds, and refuses with an exit code."""

import json
from pathlib import Path

from typer.testing import CliRunner

from countersign.cli import app
from countersign.cli.exit_codes import USAGE
from countersign.errors import InvalidInput, ParseFailure

RUNNER = CliRunner()


def test_every_input_line_is_answered_by_one_line_of_json(tmp_path: Path) -> None:
    lines = [
        b'{"text": "kubectl scale deploy/api --replicas=3"}',
        b"",
        b"not json",
        b"\xff\xfe",
        b"5",
        b"[]",
        b'{"text": null}',
        b'{"other": "x"}',
        b'{"text": "\\ud800"}',
        b"[" * 100_000,
        b'{"text": ' + b"9" * 5000 + b"}",
        '{"text": "請執行 kubectl get pods"}'.encode(),
        b'{"text": "NO_ACTION"}',
    ]
    source = tmp_path / "lines.jsonl"
    source.write_bytes(b"\n".join(lines))
    expected = ["operation"] + ["refused"] * 10 + ["investigation", "observation"]
    for result in (
        RUNNER.invoke(app, ["parse", "--jsonl", str(source)]),
        RUNNER.invoke(app, ["parse", "--jsonl", "-"], input=source.read_bytes()),
    ):
        assert result.exit_code == 0
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["reading"] for answer in answers] == expected
        assert all(answer["reason"] for answer in answers if answer["reading"] == "refused")


def test_a_person_sees_what_would_be_done() -> None:
    result = RUNNER.invoke(app, ["parse", "kubectl scale deploy api --replicas=3 -n prod"])
    assert result.exit_code == 0
    assert "kubectl scale deployment/api --replicas=3 -n prod" in result.stdout
    assert "Sets the number of replicas. Here: Deployment api in namespace prod." in result.stdout


def test_a_refused_text_is_an_error() -> None:
    assert isinstance(RUNNER.invoke(app, ["parse", "reboot"]).exception, ParseFailure)
    result = RUNNER.invoke(app, ["parse", "--json", "reboot"])
    assert result.exit_code == USAGE
    assert json.loads(result.stdout)["reading"] == "refused"


def test_parse_needs_one_source() -> None:
    assert isinstance(RUNNER.invoke(app, ["parse"]).exception, InvalidInput)
    assert isinstance(RUNNER.invoke(app, ["parse", "--jsonl", "/nonexistent/x"]).exception, InvalidInput)
