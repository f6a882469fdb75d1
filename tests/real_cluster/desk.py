"""`countersign` as a person types it, in a process that stays, so that a command does not wait for Prefect's import.

`python -m tests.real_cluster.desk` is that process: a line of JSON with the words in, one with what came of them out.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the JSON that it printed. Raises AssertionError with what it said instead."""
        assert self.out.strip(), self
        return json.loads(self.out)


class Desk:
    """Runs commands one after the other. A context manager."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.real_cluster.desk"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> Said:
        """Run `countersign WORDS…`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the desk ended over {words}"
        return Said(**json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def run(words: list[str]) -> Said:
    """Run the command line in this process."""
    from countersign.cli import main  # noqa: PLC0415 - the other side of the pipe does not need it

    out, err, code = StringIO(), StringIO(), 0
    sys.argv = ["countersign", *words]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def serve() -> None:
    """Answer every line of standard input."""
    answers = sys.stdout
    for line in sys.stdin:
        answers.write(json.dumps(asdict(run(json.loads(line)))) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
