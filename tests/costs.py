"""What the tests cost: seconds that pass and processor seconds of every phase and fixture, and their sums.

    pytest --costs costs.jsonl tests/worker && python -m tests.costs costs.jsonl

Processor seconds are those of the process and of all its descendants (servers, commands), so tests that run at the
same time in another process are not among them. What passes beyond them is waiting, or another's turn.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import pytest

TICK = 1 / os.sysconf("SC_CLK_TCK")
SHOWN = 25
Cost = tuple[float, float]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", metavar="FILE", help="write what each phase and fixture costs; see tests/costs.py")


def pytest_configure(config: pytest.Config) -> None:
    """Count only where it is asked for; a process of pytest-xdist writes a file of its own."""
    named = config.getoption("--costs")
    if named:
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        path = Path(named) if worker is None else Path(named).with_suffix(f".{worker}{Path(named).suffix}")
        config.pluginmanager.register(Costs(path))


class Costs:
    """Writes a line of JSON for each phase and each fixture's set-up."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        with self._counted(item.nodeid, "setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        with self._counted(item.nodeid, "call"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        with self._counted(item.nodeid, "teardown"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        with self._counted(request.node.nodeid, f"fixture {fixturedef.argname}"):
            return (yield)

    def pytest_unconfigure(self) -> None:
        self._file.close()

    @contextmanager
    def _counted(self, node: str, phase: str) -> Iterator[None]:
        before = time.monotonic(), processor_seconds()
        try:
            yield
        finally:
            passed, used = time.monotonic() - before[0], processor_seconds() - before[1]
            self._file.write(json.dumps({"test": node, "phase": phase, "passed": passed, "used": used}) + "\n")


def processor_seconds() -> float:
    """Return the processor seconds of this process, of its descendants, and of those of them that were waited for."""
    own = os.times()
    total, left = own.user + own.system + own.children_user + own.children_system, _children(os.getpid())
    while left:
        process = left.pop()
        with suppress(OSError):  # it has ended, and its parent has its seconds
            fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) * TICK  # proc(5): utime, stime, cutime, cstime
            left += _children(process)
    return total


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def summed(lines: Iterable[str]) -> dict[str, dict[str, Cost]]:
    """Return what passed and what was used, by kind of sum and then by name."""
    sums: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for line in lines:
        told = json.loads(line)
        file, phase = told["test"].split("::")[0], told["phase"]
        if phase.startswith("fixture "):
            places = {"fixture": f"{phase.removeprefix('fixture ')} ({'/'.join(file.split('/')[:2])})"}
        else:
            places = {
                "all": "all",
                "folder": "/".join(file.split("/")[:2]),
                "file": file,
                "phase": phase,
                "test": f"{phase} {told['test']}",
            }
        for kind, name in places.items():
            passed, used = sums.setdefault(kind, (Counter(), Counter()))
            passed[name] += told["passed"]
            used[name] += told["used"]
    return {kind: {name: (passed[name], used[name]) for name in passed} for kind, (passed, used) in sums.items()}


def main(paths: list[str]) -> None:
    """Print the sums, the greatest first."""
    sums = summed(line for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines())
    for kind, costs in sums.items():
        sys.stdout.write(f"== {kind}: seconds that passed, processor seconds\n")
        for name, (passed, used) in sorted(costs.items(), key=lambda cost: -max(cost[1]))[:SHOWN]:
            sys.stdout.write(f"{passed:8.1f} {used:8.1f}  {name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
