"""A cluster to act on: the sandbox, or the one that E2E_KUBECONFIG names (its current context)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cluster import SandboxCluster
from tests.targets.cluster import Cluster


@pytest.fixture(scope="session")
def cluster_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The kubeconfig's text of the cluster that the contract tests run on."""
    real = os.environ.get("E2E_KUBECONFIG")
    if real:
        yield Path(real).read_text()
        return
    with SandboxCluster() as sandbox:
        yield sandbox.kubeconfig


@pytest.fixture(scope="session")
def shared_cluster(cluster_kubeconfig: str) -> Iterator[Cluster]:
    with Cluster(cluster_kubeconfig) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The cluster, with a namespace of the test's own as its default."""
    shared_cluster.new_namespace()
    return shared_cluster
