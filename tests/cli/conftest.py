"""Commands in this process, on records of their own."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from countersign.cli import main
from countersign.settings import settings


@dataclass(frozen=True)
class Run:
    """Runs a command and returns what it printed and what it said beside that."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[str, str]:
        code, out, err = self.ended(*words)
        assert not code, err
        return out, err

    def refused(self, *words: str) -> tuple[int, str, str]:
        """Run a command that is refused; also its exit code."""
        code, out, err = self.ended(*words)
        assert code, out
        return code, out, err

    def ended(self, *words: str) -> tuple[int, str, str]:
        settings.cache_clear()
        self.monkeypatch.setattr(sys, "argv", ["countersign", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self.capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return code or 0, said.out, said.err


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, database_url: str
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    return Run(monkeypatch, capsys)
