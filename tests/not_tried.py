"""What a run of the tests could not try and why, said at its end: one line for each reason."""

from collections import Counter
from collections.abc import Iterable

import pytest


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test, or a file of tests, was skipped."""
    told = report.longrepr
    said = told[2] if isinstance(told, tuple) else str(told)
    return said.removeprefix("Skipped: ")


def by_reason(reasons: Iterable[str]) -> list[str]:
    """Return a line for each reason, the most frequent first."""
    return [f"{count:5}  {reason}" for reason, count in Counter(reasons).most_common()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it (pytest calls this once everything has run)."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("not tried, and why")
        for line in by_reason(map(reason_of, skipped)):
            terminalreporter.line(line)
