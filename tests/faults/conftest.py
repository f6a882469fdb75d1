"""`--whole-matrix` plays every cell, and the end of the run prints the tables of docs/reliability.md."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.cluster import SandboxCluster
from sandbox.cluster.identity import Identity, new_identity
from sandbox.demo.household import Household, make_household
from sandbox.hosts.host import SandboxHost
from tests.faults.cells import Cell, representative, whole_matrix
from tests.faults.ground import ClusterGround, Ground, HostGround
from tests.faults.tables import tables


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole-matrix", action="store_true", help="play every cell (make faults)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole-matrix", default=False)
        cells = list(whole_matrix() if whole else representative())
        metafunc.parametrize("cell", cells, ids=[cell.name for cell in cells])


@pytest.fixture(scope="session")
def household() -> Household:
    return make_household()


@pytest.fixture(scope="session")
def identity() -> Identity:
    """Making a certificate takes longer than starting a cluster."""
    return new_identity()


@pytest.fixture
def ground(
    cell: Cell, database_url: str, household: Household, identity: Identity, request: pytest.FixtureRequest
) -> Iterator[Ground]:
    made: Ground
    if cell.job.on_host:
        with SandboxHost(server="standin", user="countersign") as host:
            made = HostGround(database_url, host, household, request.getfixturevalue("valkey_url"))
            yield made
            made.close()
    else:
        with SandboxCluster(identity=identity, speed=5) as cluster:
            made = ClusterGround(database_url, cluster, household)
            yield made
            made.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables as docs/reliability.md shows them."""
    if not terminalreporter.config.getoption("--whole-matrix", default=False):
        return
    reports = [
        (dict(report.user_properties), outcome == "passed")
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    for line in tables(reports):
        terminalreporter.write_line(line)
