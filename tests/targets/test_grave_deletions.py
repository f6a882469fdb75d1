"""Deletions that no controller makes good: this very object, once, and what depends on it is said before."""

from collections.abc import Callable
from typing import Any

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import PreconditionFailed, TargetNotFound
from countersign.targets.kubernetes.dependents import attachment_findings, claim_findings
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.model import Landed, ObjectRef
from tests.intents import apply
from tests.targets.cluster import Cluster

CLAIM = {
    "kind": "PersistentVolumeClaim",
    "apiVersion": "v1",
    "metadata": {"name": "x"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
LEASE = {
    "kind": "Lease",
    "apiVersion": "coordination.k8s.io/v1",
    "metadata": {"name": "x"},
    "spec": {"holderIdentity": "operator-0", "leaseDurationSeconds": 15},
}


def make(cluster: Cluster, kind: str) -> None:
    match kind:
        case "PersistentVolumeClaim":
            cluster.create(kind, CLAIM)
        case "Lease":
            cluster.create(kind, LEASE)
        case _:
            cluster.workload(kind, "x")


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


@pytest.mark.contract
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "PersistentVolumeClaim", "Lease"])
def test_this_very_object_is_deleted_once(cluster: Cluster, kind: str) -> None:
    make(cluster, kind)
    uid = cluster.get(kind, "x")["metadata"]["uid"]
    plan = cluster.plan(read(f"kubectl delete {kind.lower()} x"))
    (step,) = plan.steps
    assert step.request["body"]["preconditions"] == {"uid": uid}
    assert cluster.target.inspect(plan, step).landed is Landed.NO
    apply(cluster.target, plan, step)
    cluster.until(lambda: _gone(cluster, kind, uid))
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    make(cluster, kind)
    again = cluster.get(kind, "x")["metadata"]["uid"]
    # A copy that arrives late meets another object of that name.
    with pytest.raises(PreconditionFailed):
        apply(cluster.target, plan, step)
    assert cluster.get(kind, "x")["metadata"]["uid"] == again
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    assert cluster.target.invert(plan) is None
    assert cluster.target.observe(plan).objects


def _gone(cluster: Cluster, kind: str, uid: str) -> bool:
    try:
        live = cluster.get(kind, "x")
    except TargetNotFound:
        return True
    if kind == "PersistentVolumeClaim" and live["metadata"].get("deletionTimestamp"):
        # The claim's protection, which a cluster without that controller does not take off.
        cluster.change(kind, "x", {"metadata": {"finalizers": None}})
    return bool(live["metadata"]["uid"] != uid)


@pytest.mark.contract
def test_a_volume_attachment_is_deleted_by_its_uid(cluster: Cluster) -> None:
    if not cluster.connection.versions("storage.k8s.io"):
        pytest.skip("this cluster has no volume attachments")
    name = f"csi-{cluster.namespace}"
    body = {
        "kind": "VolumeAttachment",
        "metadata": {"name": name},
        "spec": {"attacher": "csi.example.com", "nodeName": "none", "source": {"persistentVolumeName": "none"}},
    }
    path = list_path(cluster.connection, "VolumeAttachment", None)
    cluster.write("POST", path, body, what="an attachment")
    plan = cluster.perform(read(f"kubectl delete volumeattachment {name}"))
    assert cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES
    with pytest.raises(TargetNotFound):
        cluster.connection.get(object_path(cluster.connection, "VolumeAttachment", None, name))


@pytest.mark.contract
def test_another_spelling_of_the_name_deletes_nothing(cluster: Cluster) -> None:
    cluster.workload("Deployment", "api")
    with pytest.raises(TargetNotFound) as caught:
        cluster.target.resolve(read("kubectl delete deployment api-deployment"))
    assert "api" in caught.value.candidates


@pytest.mark.contract
def test_preflight_says_who_makes_it_again_and_who_holds_it(cluster: Cluster) -> None:
    cluster.workload("Deployment", "api")
    name = cluster.until(lambda: cluster.items("ReplicaSet"))[0]["metadata"]["name"]
    made_again = cluster.target.preflight(cluster.plan(read(f"kubectl delete replicaset {name}")))
    assert "made_again" in {finding.code for finding in made_again}
    cluster.create("Lease", LEASE)
    held = cluster.target.preflight(cluster.plan(read("kubectl delete lease x")))
    assert [finding.message for finding in held if "operator-0" in finding.message]


CLAIMED = ObjectRef("c", "PersistentVolumeClaim", "prod", "data")


def mounting(name: str, claim: str = "data", phase: str = "Running") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}, {"name": "t"}]},
        "status": {"phase": phase},
    }


def codes(findings: Callable[[], Any] | Any) -> list[str]:
    return [finding.code for finding in findings]


def test_a_claim_in_use_and_data_that_goes_with_it_are_told() -> None:
    pods = [mounting("db-0"), mounting("other", "logs"), mounting("done", phase="Succeeded")]
    kept = {"metadata": {"name": "pv"}, "spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    lost = {"metadata": {"name": "pv"}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    assert codes(claim_findings(CLAIMED, pods, kept)) == ["claim_in_use"]
    assert codes(claim_findings(CLAIMED, pods[1:], lost)) == ["data_lost"]
    assert codes(claim_findings(CLAIMED, [], {})) == []
    (found,) = claim_findings(CLAIMED, [mounting(f"db-{number}") for number in range(7)], kept)
    assert "db-4 and 2 more" in found.message


def test_an_attachment_to_a_ready_node_is_told() -> None:
    ref = ObjectRef("c", "VolumeAttachment", None, "csi-1")
    attached = {"spec": {"nodeName": "node-1"}, "status": {"attached": True}}
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    unreachable = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    assert codes(attachment_findings(ref, attached, ready)) == ["volume_attached"]
    assert codes(attachment_findings(ref, attached, unreachable)) == []
    assert codes(attachment_findings(ref, {"spec": {"nodeName": "node-1"}}, ready)) == []
