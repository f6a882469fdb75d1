"""Two twins for each row, and the cluster that both actors act on."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.api import Api
from tests.contract.twins.actors import Cluster
from tests.contract.twins.comparing import Twins
from tests.contract.twins.rows import Row
from tests.contract.twins.tables import ROWS
from tests.contract.twins.twin import Twin

ON_SANDBOX = "E2E_KUBECONFIG" not in os.environ


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/contract/twins --all-commands`."""
    parser.addoption("--all-commands", action="store_true", help="every row of the twins on the sandbox too")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the comparison its rows."""
    if "row" in metafunc.fixturenames:
        every = not ON_SANDBOX or metafunc.config.getoption("--all-commands", default=False)
        rows = [row for row in ROWS if every or row.sample]
        metafunc.parametrize("row", rows, ids=[f"{row.title} [{' '.join(row.objects)}]" for row in rows])


@pytest.fixture(scope="session")
def cluster(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster of the contract tests, as both actors reach it."""
    folder: Path = tmp_path_factory.mktemp("kubectl")
    file = folder / "config"
    file.touch(mode=0o600)
    file.write_text(api.kubeconfig)
    return Cluster(api.kubeconfig, api.context, file, folder)


@pytest.fixture
def twins(api: Api) -> Iterator[Callable[[Row], Twins]]:
    """Makes the twins of a row; what they have outside their namespaces goes with the test."""
    made: list[Twin] = []

    def make(row: Row) -> Twins:
        for side in ("kubectl", "ours"):
            made.append(Twin(api, f"twin-{uuid.uuid4().hex[:8]}-{side}", row))
        return made[0], made[1]

    yield make
    for twin in made:
        twin.remove()
