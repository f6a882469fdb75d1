"""The cluster of the matrix: the sandbox, or the one that E2E_KUBECONFIG names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cluster import SandboxCluster
from sandbox.cluster.identity import Identity
from sandbox.cluster.seed import default_manifests
from sandbox.demo.household import Household
from tests.contract.api import Api
from tests.faults.dying import Place
from tests.faults.ground import Office
from tests.faults.proxy.cells import representative, whole_matrix
from tests.faults.proxy.harness import Arena

SETTINGS = {"retry_delay_seconds": 0.02, "late_effect_seconds": 0.05, "notify": False, "verify": False}


@pytest.fixture(scope="session")
def arena_cluster(identity: Identity) -> Iterator[tuple[Api, str]]:
    """An API without a proxy, and the kubeconfig's text."""
    named = os.environ.get("E2E_KUBECONFIG")
    if named:
        document = yaml.safe_load(Path(named).read_text())
        document["current-context"] = os.environ.get("E2E_CONTEXT") or document["current-context"]
        text = yaml.safe_dump(document)
        with Api(text, None) as api:
            yield api, text
        return
    manifests = [each for each in default_manifests() if each["kind"] in ("Namespace", "Node")]
    with (
        SandboxCluster(manifests=manifests, identity=identity, speed=50) as cluster,
        Api(cluster.kubeconfig, None) as api,
    ):
        yield api, cluster.kubeconfig


@pytest.fixture
def arena(
    arena_cluster: tuple[Api, str], database_url: str, household: Household, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arena]:
    # The client reads the system's authorities for each connection to the proxy, which has no TLS to need them.
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)
    api, kubeconfig = arena_cluster
    place = Place(database_url=database_url, policy=household.policy, kubeconfig=kubeconfig, more_settings=SETTINGS)
    office = Office(place, household)
    yield Arena(api, kubeconfig, office)
    office.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lie" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole-matrix", default=False)
        cells = list(whole_matrix() if whole else representative())
        metafunc.parametrize("lie", cells, ids=[cell.name for cell in cells])
