"""Taints of a node: set, replaced, removed, taken back, beside those that the cluster's own controllers set."""

from collections.abc import Iterator
from typing import Any

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation, Taint, TaintEffect
from countersign.errors import PreconditionFailed, PreflightRefused
from countersign.targets.kubernetes.plan_taint import evicted_by
from countersign.targets.model import Landed
from tests.intents import apply
from tests.targets.cluster import Cluster

NOT_READY, CORDONED = "node.kubernetes.io/not-ready", "node.kubernetes.io/unschedulable"
NO_EXECUTE = Taint("maintenance", "disk", TaintEffect.NO_EXECUTE)


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """A node of the test's own, without a kubelet."""
    name = f"node-{cluster.namespace}"
    body = {"metadata": {"name": name}, "spec": {"unschedulable": True}}
    made = cluster.write("POST", "/api/v1/nodes", body, what="node")
    if NOT_READY in keys(made) and any(NOT_READY not in keys(each) for each in nodes(cluster)):
        # The node controller of this cluster writes to a new node once more, at its own time.
        cluster.until(lambda: {NOT_READY, CORDONED} & keys(cluster.get("Node", name)) == {CORDONED})
    yield name
    cluster.write("DELETE", f"/api/v1/nodes/{name}", None, what="clean up")


def nodes(cluster: Cluster) -> list[Any]:
    return list(cluster.connection.get("/api/v1/nodes")["items"])


def keys(node: Any) -> set[str]:
    return {item["key"] for item in node["spec"].get("taints") or ()}


def taints(cluster: Cluster, node: str) -> set[tuple[str, str, str]]:
    """Return the node's taints but those of the cluster's own controllers."""
    live = cluster.connection.get(f"/api/v1/nodes/{node}")
    return {
        (item["key"], item.get("value", ""), item["effect"])
        for item in live["spec"].get("taints") or ()
        if not item["key"].startswith("node.kubernetes.io/")
    }


def foreign(cluster: Cluster, node: str) -> None:
    """What a controller does in the meantime: a taint of its own, before ours."""
    live = cluster.connection.get(f"/api/v1/nodes/{node}")
    others = [{"key": "example.com/foreign", "effect": "NoSchedule"}, *(live["spec"].get("taints") or ())]
    path, merge = f"/api/v1/nodes/{node}", "application/merge-patch+json"
    cluster.write("PATCH", path, {"spec": {"taints": others}}, what="foreign", content_type=merge)


@pytest.mark.contract
def test_a_taint_is_set_once_and_taken_back(cluster: Cluster, node: str) -> None:
    plan = cluster.perform(read(f"kubectl taint nodes {node} maintenance=disk:NoSchedule"))
    assert taints(cluster, node) == {("maintenance", "disk", "NoSchedule")}
    assert cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES
    with pytest.raises(PreconditionFailed):
        apply(cluster.target, plan, plan.steps[0])
    assert cluster.plan(read(f"kubectl taint nodes {node} maintenance=disk:NoSchedule")).steps == ()
    back = cluster.target.invert(plan)
    assert back is not None
    apply(cluster.target, back, back.steps[0])
    assert taints(cluster, node) == set()


@pytest.mark.contract
def test_another_value_needs_overwrite_and_its_inverse_restores_it(cluster: Cluster, node: str) -> None:
    cluster.perform(read(f"kubectl taint nodes {node} maintenance=disk:NoSchedule other:NoExecute"))
    with pytest.raises(PreflightRefused, match="another value"):
        cluster.plan(read(f"kubectl taint nodes {node} maintenance=net:NoSchedule"))
    plan = cluster.perform(read(f"kubectl taint nodes {node} maintenance=net:NoSchedule --overwrite"))
    assert ("maintenance", "net", "NoSchedule") in taints(cluster, node)
    back = cluster.target.invert(plan)
    assert back is not None
    apply(cluster.target, back, back.steps[0])
    assert taints(cluster, node) == {("maintenance", "disk", "NoSchedule"), ("other", "", "NoExecute")}


@pytest.mark.contract
def test_taints_are_removed_by_key_and_by_effect(cluster: Cluster, node: str) -> None:
    cluster.perform(read(f"kubectl taint nodes {node} a=1:NoSchedule a=1:NoExecute b:NoSchedule"))
    cluster.perform(read(f"kubectl taint nodes {node} a:NoExecute-"))
    assert taints(cluster, node) == {("a", "1", "NoSchedule"), ("b", "", "NoSchedule")}
    cluster.perform(read(f"kubectl taint nodes {node} a- c=x:PreferNoSchedule"))
    assert taints(cluster, node) == {("b", "", "NoSchedule"), ("c", "x", "PreferNoSchedule")}
    assert cluster.plan(read(f"kubectl taint nodes {node} a-")).steps == ()


@pytest.mark.contract
def test_a_controllers_taint_beside_ours_changes_no_answer(cluster: Cluster, node: str) -> None:
    plan = cluster.perform(read(f"kubectl taint nodes {node} maintenance=disk:NoSchedule"))
    foreign(cluster, node)
    assert cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES


def pod(*tolerations: dict[str, Any], phase: str = "Running") -> dict[str, Any]:
    return {"spec": {"tolerations": list(tolerations)}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("tolerations", "evicted"),
    [
        ((), 1),
        (({"operator": "Exists"},), 0),
        (({"key": "maintenance", "operator": "Exists"},), 0),
        (({"key": "maintenance", "value": "disk"},), 0),
        (({"key": "maintenance", "value": "disk", "effect": "NoExecute"},), 0),
        (({"key": "maintenance", "value": "disk", "effect": "NoSchedule"},), 1),
        (({"key": "maintenance", "operator": "Exists", "tolerationSeconds": 300},), 1),
        (({"key": "maintenance", "value": "net"},), 1),
        (({"key": "other", "operator": "Exists"},), 1),
    ],
)
def test_no_execute_evicts_what_does_not_tolerate_it(tolerations: tuple[dict[str, Any], ...], evicted: int) -> None:
    assert evicted_by([NO_EXECUTE], [pod(*tolerations), pod(phase="Succeeded")]) == evicted
    assert evicted_by([Taint("maintenance", "disk", TaintEffect.NO_SCHEDULE)], [pod(*tolerations)]) == 0
