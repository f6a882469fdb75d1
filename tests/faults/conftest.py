"""`--whole-matrix` plays every cell, and the end of the run prints the matrix."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from countersign.sandbox.cluster import SandboxCluster
from countersign.sandbox.cluster.identity import Identity, new_identity
from countersign.sandbox.demo.household import Household, make_household
from tests.faults.cells import JOBS, MOMENTS, representative, whole_matrix
from tests.faults.harness import Ground


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole-matrix", action="store_true", help="play every cell (make faults)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        cells = list(
            whole_matrix() if metafunc.config.getoption("--whole-matrix", default=False) else representative()
        )
        metafunc.parametrize("cell", cells, ids=[cell.name for cell in cells])


@pytest.fixture(scope="session")
def household() -> Household:
    return make_household()


@pytest.fixture(scope="session")
def identity() -> Identity:
    """Making a certificate takes longer than starting a cluster."""
    return new_identity()


@pytest.fixture
def ground(database_url: str, household: Household, identity: Identity) -> Iterator[Ground]:
    with SandboxCluster(identity=identity, speed=5) as cluster:
        made = Ground(database_url, cluster, household)
        yield made
        made.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the matrix as docs/reliability.md shows it."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    slowest = 0.0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            given = dict(report.user_properties)
            if report.when == "call" and "moment" in given:
                found[given["moment"], given["job"]].append(outcome == "passed")
                slowest = max(slowest, given.get("recovered", 0.0))
    if not terminalreporter.config.getoption("--whole-matrix", default=False) or not found:
        return
    jobs = [job.name for job in JOBS]
    write = terminalreporter.write_line
    cells = [passed for each in found.values() for passed in each]
    write(f"{datetime.now(UTC):%Y-%m-%d}: {sum(cells)} of {len(cells)} cells hold; slowest recovery {slowest:.1f} s")
    write("| | " + " | ".join(jobs) + " |")
    write("|" + " --- |" * (len(jobs) + 1))
    for moment in (each.name for each in MOMENTS):
        shown = [f"{sum(found[moment, job])}/{len(found[moment, job])}" for job in jobs]
        write(f"| {moment} | " + " | ".join(shown) + " |")
