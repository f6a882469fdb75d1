"""Custom resources on a cluster that has their definitions: Argo Rollouts, Argo CD Applications, Certificates."""

from collections.abc import Iterator
from typing import Any

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import PermanentTargetError, PreconditionFailed, TargetNotFound, TransientTargetError
from countersign.targets.model import Landed
from tests.intents import apply
from tests.targets.cluster import Cluster

# Definitions are the whole cluster's: one process of the tests makes and takes them.
pytestmark = [pytest.mark.contract, pytest.mark.xdist_group("custom-resources")]

DEFINITIONS = (
    ("argoproj.io", "v1alpha1", "Rollout", "rollouts", ["ro"], "Namespaced"),
    ("argoproj.io", "v1alpha1", "Application", "applications", ["app"], "Namespaced"),
    ("cert-manager.io", "v1", "Certificate", "certificates", ["cert"], "Namespaced"),
    ("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", [], "Cluster"),
)
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(group: str, version: str, kind: str, plural: str, short: list[str], scope: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "shortNames": short}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": names,
            "scope": scope,
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def defined(shared_cluster: Cluster) -> Iterator[None]:
    if not shared_cluster.connection.versions("apiextensions.k8s.io"):
        pytest.skip("this cluster has no custom resource definitions")
    _undefine(shared_cluster)
    for parts in DEFINITIONS:
        shared_cluster.write("POST", CRDS, definition(*parts), what="define")
    for group, version, _kind, plural, _short, _scope in DEFINITIONS:
        shared_cluster.until(lambda g=group, v=version, p=plural: served(shared_cluster, g, v, p))
    yield
    _undefine(shared_cluster)


def _undefine(cluster: Cluster) -> None:
    """Take the definitions away, also those that a run which was broken off left behind."""
    for group, _version, _kind, plural, _short, _scope in DEFINITIONS:
        path = f"{CRDS}/{plural}.{group}"
        if not _is_gone(cluster, path):
            cluster.write("DELETE", path, None, what="clean up")
        cluster.until(lambda path=path: _is_gone(cluster, path))


def _is_gone(cluster: Cluster, path: str) -> bool:
    try:
        cluster.connection.get(path)
    except TargetNotFound:
        return True
    return False


def served(cluster: Cluster, group: str, version: str, plural: str) -> bool:
    cluster.connection._transport.discovery.clear()
    try:
        found = cluster.connection.resources(group, version)
        cluster.connection.get(f"/apis/{group}/{version}/{plural}")
    except TransientTargetError:
        return False  # a group, like a list, is never not found: it may come
    return any(resource["name"] == plural for resource in found)


def make(cluster: Cluster, kind: str, plural: str, group: str, version: str) -> str:
    path = f"/apis/{group}/{version}/namespaces/{cluster.namespace}/{plural}"
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "x"}, "spec": {"paused": False}}
    cluster.write("POST", path, body, what=f"make {kind}")
    cluster.proxy.writes.clear()
    return f"{path}/x"


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


@pytest.mark.usefixtures("defined")
@pytest.mark.parametrize("word", ["rollout", "ro", "rollouts.argoproj.io", "rollout.v1alpha1.argoproj.io"])
def test_a_merge_patch_of_a_rollout_is_sent_once_and_taken_back(cluster: Cluster, word: str) -> None:
    path = make(cluster, "Rollout", "rollouts", "argoproj.io", "v1alpha1")
    plan = cluster.perform(read(f"""kubectl patch {word} x --type=merge -p '{{"spec":{{"paused":true}}}}'"""))
    assert cluster.connection.get(path)["spec"] == {"paused": True}
    # However it is written, it is one object to be held.
    assert [ref.key for ref in plan.refs] == [f"c/rollouts.argoproj.io/{cluster.namespace}/x"]
    assert cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES
    assert cluster.target.preflight(plan) is not None
    assert cluster.target.observe(plan).objects[plan.refs[0].key]["exists"]
    with pytest.raises(PreconditionFailed):
        apply(cluster.target, plan, plan.steps[0])
    back = cluster.target.invert(plan)
    assert back is not None
    apply(cluster.target, back, back.steps[0])
    assert cluster.connection.get(path)["spec"] == {"paused": False}


@pytest.mark.usefixtures("defined")
def test_applications_and_certificates_are_annotated_and_labelled(cluster: Cluster) -> None:
    app = make(cluster, "Application", "applications", "argoproj.io", "v1alpha1")
    cluster.perform(read("kubectl annotate application x argocd.argoproj.io/refresh=hard"))
    assert cluster.connection.get(app)["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "hard"}
    cluster.perform(
        read("""kubectl patch application x --type=merge -p '{"operation":{"sync":{"revision":"main"}}}'""")
    )
    assert cluster.connection.get(app)["operation"] == {"sync": {"revision": "main"}}
    certificate = make(cluster, "Certificate", "certificates", "cert-manager.io", "v1")
    cluster.perform(read("kubectl label cert x team=web"))
    assert cluster.connection.get(certificate)["metadata"]["labels"] == {"team": "web"}


@pytest.mark.usefixtures("defined")
def test_what_the_cluster_does_not_have_is_refused(cluster: Cluster) -> None:
    for text, said in (
        ("kubectl annotate widgets.example.com/x a=b", "has no widgets.example.com"),
        ("kubectl annotate rollouts.v1.argoproj.io/x a=b", "has no rollouts.argoproj.io of version v1"),
        ("kubectl annotate clusterissuers.cert-manager.io/x a=b", "cluster-scoped"),
    ):
        with pytest.raises(PermanentTargetError, match=said):
            cluster.target.resolve(read(text))
    with pytest.raises(TargetNotFound):
        cluster.target.resolve(read("kubectl annotate rollout missing a=b"))
