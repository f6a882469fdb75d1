"""What `countersign doctor` says about the rights that a cluster's user has."""

import os

import pytest

from blocks import KubernetesCluster
from countersign.cli.doctor import Answer, examine
from countersign.settings import load_settings
from sandbox.cluster import SandboxCluster
from tests.targets.cluster import Cluster
from tests.targets.conftest import cluster, cluster_kubeconfig, shared_cluster
from tests.targets.rights.ground import granted

__all__ = ["cluster", "cluster_kubeconfig", "shared_cluster"]
pytestmark = pytest.mark.stack


def said_of(name: str) -> list[Answer]:
    return [one for one in examine(load_settings()) if one.name == "rights" and one.said.startswith(f"{name}: ")]


def test_a_user_who_may_do_everything_is_told_so_in_one_line(prefect_api: str) -> None:
    with SandboxCluster() as sandbox:
        KubernetesCluster(cluster_name="mine", kubeconfig=sandbox.kubeconfig).save("mine")
        (answer,) = said_of("mine")
    assert answer.fine and answer.said.startswith("mine: this user may do all")


def test_a_cluster_that_cannot_be_reached_is_not_asked(prefect_api: str) -> None:
    KubernetesCluster(cluster_name="away", server="https://127.0.0.1:1", token="t").save("away")
    assert said_of("away") == []


@pytest.mark.contract
@pytest.mark.skipif("E2E_KUBECONFIG" not in os.environ, reason="needs a cluster with RBAC: E2E_KUBECONFIG")
def test_each_missing_right_is_one_line_with_the_operations_that_need_it(
    prefect_api: str,
    cluster: Cluster,
    cluster_kubeconfig: str,
) -> None:
    with granted(cluster, ["restart"], kubeconfig=cluster_kubeconfig) as proxy:
        KubernetesCluster(
            cluster_name="real",
            kubeconfig=proxy.kubeconfig.get_secret_value(),
            default_namespace=cluster.namespace,
            allowed_namespaces=[cluster.namespace],
        ).save("real")
        answers = cluster.until(lambda: restarting(said_of("real")))
    said = [answer.said for answer in answers]
    assert f"real: this user may not delete pods in namespace {cluster.namespace}, which delete needs" in said
    assert "real: this user may not patch nodes in the whole cluster, which each of cordon," in said[0] + "".join(
        said
    )
    assert not any(answer.fine for answer in answers)
    assert answers[-1].hint is not None and "countersign clusters rbac" in answers[-1].hint


def restarting(answers: list[Answer]) -> list[Answer] | None:
    """The answers, once the new role has been heard of."""
    return None if any("restart" in answer.said for answer in answers) else answers
