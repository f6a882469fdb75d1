"""Commands in this process, on records of their own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign.cli import main
from countersign.settings import settings

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, database_url: str
) -> Run:
    """Run a command in this process and return what it printed and what it said beside that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)

    def go(*words: str) -> tuple[str, str]:
        settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["countersign", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out, said.err

    return go
