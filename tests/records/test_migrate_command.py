"""`countersign migrate`."""

import pytest
from typer.testing import CliRunner

from countersign.cli import app


def test_the_command_migrates_once_and_says_so(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", empty_database_url)
    first, second = (CliRunner().invoke(app, ["migrate"]) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.output.startswith("tables: none -> ")
    assert second.output.startswith("tables are up to date")
