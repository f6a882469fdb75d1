"""The tables of docs/reliability.md, made from what the tests reported."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.faults.cells import HOST_JOBS, HOST_MOMENTS, JOBS, MOMENTS
from tests.faults.proxy.cells import COLUMNS as PROXY_COLUMNS
from tests.faults.proxy.cells import ROWS as PROXY_ROWS
from tests.faults.servers.cells import ROWS, Server
from tests.faults.steps.cells import ROWS as STEP_ROWS
from tests.faults.steps.cells import SCENARIOS

Reports = Sequence[tuple[Mapping[str, Any], bool]]
"""What a test said of itself ("row", "column", "recovered", "outcome"), and whether it passed."""


def tables(reports: Reports) -> Iterator[str]:
    """Yield the lines of every table that has a cell."""
    yield from pages(reports)
    told = [(given, passed) for given, passed in reports if "row" in given]
    if not told:
        return
    slowest = max((given.get("recovered", 0.0) for given, _ in told), default=0.0)
    held = sum(passed for _, passed in told)
    yield f"{datetime.now(UTC):%Y-%m-%d}: {held} of {len(told)} cells hold; slowest recovery {slowest:.1f} s"
    yield from table(told, "server", ROWS, list(Server))
    yield from table(told, "step", STEP_ROWS, [scenario.name for scenario in SCENARIOS])
    for moments, jobs in ((MOMENTS, JOBS), (HOST_MOMENTS, HOST_JOBS)):
        yield from table(told, "process", [moment.name for moment in moments], [job.name for job in jobs])
    yield from table(told, "proxy", PROXY_ROWS, PROXY_COLUMNS)
    yield from wrong_cells(told)


def pages(reports: Reports) -> Iterator[str]:
    """Yield what was measured of pages under which the web process was killed."""
    for given, passed in reports:
        if "right_again" in given:
            yield (
                f"{given['kills']} kills of the web process under {given['pages']} pages: "
                f"{'all right again' if passed else 'wrong'}, {given['right_again']:.1f} s after it was back at the "
                f"latest; {given['counted_at_once']} clicks counted at once, the others when they were made again"
            )


def wrong_cells(reports: Reports) -> Iterator[str]:
    """Yield the cells in which a proxy's lie was believed: what was met, what was reported and what is true."""
    found = [given["wrong"] for given, _ in reports if "wrong" in given]
    if not found:
        return
    yield ""
    yield "| operation | request | fault | reported | happened | wrong |"
    yield "|" + " --- |" * 6
    for cell in found:
        yield f"| {' | '.join(str(each).replace('|', '/') for each in cell)} |"


def table(reports: Reports, kind: str, rows: Iterable[str], columns: Sequence[str]) -> Iterator[str]:
    """Yield one table: held/played in each cell, and how many ended otherwise than well."""
    found: dict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
    for given, passed in reports:
        if given.get("kind") == kind and given["column"] in columns:
            found[given["row"], given["column"]].append((passed, str(given.get("outcome", ""))))
    if not found:
        return
    yield ""
    yield "| | " + " | ".join(columns) + " |"
    yield "|" + " --- |" * (len(columns) + 1)
    for row in rows:
        yield f"| {row} | " + " | ".join(_shown(found[row, column]) for column in columns) + " |"


def _shown(cells: Sequence[tuple[bool, str]]) -> str:
    if not cells:
        return "–"
    others = Counter(outcome for _, outcome in cells if outcome in ("unknown", "blocked", "failed"))
    told = ", ".join(f"{number} {outcome}" for outcome, number in others.items())
    return f"{sum(passed for passed, _ in cells)}/{len(cells)}" + (f" ({told})" if told else "")
