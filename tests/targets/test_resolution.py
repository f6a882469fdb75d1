"""Names and namespaces on a cluster: what is found, what is refused, and what the refusal says."""

import pytest

from countersign.actions.operation import KubernetesOperation, NoParameters, Verb
from countersign.errors import PolicyRefused, TargetNotFound, TransientTargetError
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Match
from tests.targets.cluster import Cluster

pytestmark = pytest.mark.contract


def restart(*names: str, namespace: str | None = None) -> KubernetesOperation:
    return KubernetesOperation(Verb.RESTART, "Deployment", names, namespace, NoParameters())


def test_an_exact_name_is_found_with_its_uid(cluster: Cluster) -> None:
    made = cluster.workload(name="api")
    found = cluster.target.resolve(restart("api"))
    assert found.match is Match.EXACT
    assert [(ref.name, ref.namespace, ref.uid) for ref in found.refs] == [
        ("api", cluster.namespace, made["metadata"]["uid"])
    ]


def test_a_pods_name_and_a_services_name_mean_their_workload_once(cluster: Cluster) -> None:
    cluster.workload(name="api", replicas=1)
    pod = cluster.until(lambda: cluster.items("Pod"))[0]["metadata"]["name"]
    found = cluster.target.resolve(restart(pod, "API_svc", "api"))
    assert found.match is Match.NORMALISED
    assert [ref.name for ref in found.refs] == ["api"]
    assert found.requested == (pod, "API_svc", "api")


def test_an_unknown_name_is_refused_with_the_nearest(cluster: Cluster) -> None:
    cluster.workload(name="payment-api")
    with pytest.raises(TargetNotFound) as caught:
        cluster.target.resolve(restart("paymnet-api"))
    assert caught.value.candidates == ("payment-api",)
    assert "payment-api" in str(caught.value.hint)


def test_a_name_that_could_mean_two_is_refused(cluster: Cluster) -> None:
    cluster.workload(name="api")
    cluster.workload(name="api-svc")
    with pytest.raises(TargetNotFound) as caught:
        cluster.target.resolve(restart("API-svc"))
    assert caught.value.candidates == ("api", "api-svc")


def test_a_pod_that_is_gone_is_not_its_successor(cluster: Cluster) -> None:
    cluster.workload(name="api", replicas=1)
    pod = cluster.until(lambda: cluster.items("Pod"))[0]["metadata"]["name"]
    gone = pod[:-5] + "zzzzz"
    with pytest.raises(TargetNotFound) as caught:
        cluster.target.resolve(KubernetesOperation(Verb.DELETE, "Pod", (gone,), None, NoParameters()))
    assert pod in caught.value.candidates


def test_a_missing_namespace_is_named(cluster: Cluster) -> None:
    with pytest.raises(TargetNotFound) as caught:
        cluster.target.resolve(restart("api", namespace="no-such-namespace"))
    assert "the namespace no-such-namespace does not exist" in caught.value.message


def test_a_namespace_outside_the_block_is_refused_before_anything_is_asked(cluster: Cluster) -> None:
    settings = cluster.settings(allowed_namespaces=("shop",))
    with connect(settings, request_timeout=30) as connection:
        with pytest.raises(PolicyRefused, match=cluster.namespace):
            KubernetesTarget(connection).resolve(restart("api"))
        with pytest.raises(PolicyRefused, match="kube-system"):
            KubernetesTarget(connection).resolve(restart("api", namespace="kube-system"))


def test_a_cluster_that_does_not_answer_is_an_error_of_the_attempt(cluster: Cluster) -> None:
    secret = cluster.proxy.kubeconfig.get_secret_value()
    port = secret.rpartition("http://127.0.0.1:")[2].split()[0]
    closed = type(cluster.proxy.kubeconfig)(secret.replace(f":{port}", ":1"))
    with (
        connect(cluster.settings(kubeconfig=closed), request_timeout=2) as connection,
        pytest.raises(TransientTargetError, match="connection refused"),
    ):
        KubernetesTarget(connection).resolve(restart("api"))
