"""Cordon, uncordon and drain on a cluster."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from countersign.actions.operation import DrainParameters, Verb
from countersign.errors import (
    AmbiguousTargetError,
    PermanentTargetError,
    PolicyRefused,
    PreconditionFailed,
    PreflightRefused,
    Stopped,
    TransientTargetError,
)
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Landed, Plan, Severity
from tests.intents import apply
from tests.targets.cluster import Cluster
from tests.targets.lossy import Loss

pytestmark = pytest.mark.contract


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """A node of the test's own, without a kubelet: pods bound to it by name stay until they are deleted by force."""
    name = f"n-{cluster.namespace}"
    cluster.create("Node", {"metadata": {"name": name}})
    yield name
    for pod in cluster.items("Pod"):
        delete(cluster, pod["metadata"]["name"])
    cluster.write("DELETE", cluster.path("Node", name), None, what="delete the node")


def delete(cluster: Cluster, pod: str) -> None:
    cluster.write("DELETE", cluster.path("Pod", pod), {"gracePeriodSeconds": 0}, what="delete the pod")


def pod_on(cluster: Cluster, node: str, name: str, **spec: Any) -> Any:
    """A pod without a controller: one whose controller does not exist would be collected as garbage."""
    metadata = {"name": name, "labels": {"app": "x"}}
    # Without a grace period an eviction removes the pod at once; no kubelet is needed to finish it.
    body = {"containers": [{"name": "app", "image": "app:1"}], "nodeName": node, "terminationGracePeriodSeconds": 0}
    return cluster.create("Pod", {"metadata": metadata, "spec": {**body, **spec}})


def ready(cluster: Cluster, pod: str) -> None:
    """Report a pod as running and ready, as its node's kubelet would."""
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    path = cluster.path("Pod", pod) + "/status"
    content_type = "application/merge-patch+json"
    cluster.write("PATCH", path, {"status": status}, what="ready", content_type=content_type)


def drain(cluster: Cluster, node: str, **flags: Any) -> Plan:
    return cluster.plan(cluster.operation(Verb.DRAIN, "Node", node, parameters=DrainParameters(force=True, **flags)))


def is_cordoned(cluster: Cluster, node: str) -> bool:
    return bool(cluster.get("Node", node)["spec"].get("unschedulable"))


def plan_with_a_lost_request(cluster: Cluster, verb: Verb, node: str) -> Plan:
    """Lose a plan's request, and return the plan; nobody else has written to the node in between.

    A node lifecycle controller taints a cordoned node a moment later, and then nobody can tell.
    """

    def once() -> Plan | None:
        plan = cluster.plan(cluster.operation(verb, "Node", node))
        cluster.proxy.lose(Loss.REQUEST)
        with pytest.raises(AmbiguousTargetError):
            cluster.apply(plan, plan.steps[0])
        landed = cluster.target.inspect(plan, plan.steps[0]).landed
        assert landed is not Landed.YES
        return plan if landed is Landed.NO else None

    plan: Plan = cluster.until(once)
    return plan


def test_cordon_and_uncordon_survive_lost_requests_and_answers(cluster: Cluster, node: str) -> None:
    for verb, after in ((Verb.CORDON, True), (Verb.UNCORDON, False)):
        plan = plan_with_a_lost_request(cluster, verb, node)
        (step,) = plan.steps
        cluster.proxy.lose(Loss.ANSWER)
        with pytest.raises(AmbiguousTargetError):
            cluster.apply(plan, step)
        assert cluster.target.inspect(plan, step).landed is Landed.YES
        with pytest.raises(PreconditionFailed):
            cluster.apply(plan, step)
        assert is_cordoned(cluster, node) is after
        assert cluster.plan(cluster.operation(verb, "Node", node)).steps == ()


def test_a_cordon_can_be_taken_back(cluster: Cluster, node: str) -> None:
    plan = cluster.perform(cluster.operation(Verb.CORDON, "Node", node))
    back = cluster.target.invert(plan)
    assert back is not None
    cluster.apply(back, back.steps[0])
    assert not is_cordoned(cluster, node)


def test_a_drain_cordons_evicts_and_waits(cluster: Cluster, node: str) -> None:
    for name in ("a", "b"):
        pod_on(cluster, node, name)
    plan = drain(cluster, node)
    titles = [step.title.split()[0] for step in plan.steps]
    assert titles == ["cordon", "evict", "evict", "wait"]
    assert plan.impact.affected_pods == 2
    assert plan.deadline_seconds == 300
    assert not any(item.severity is Severity.BLOCKING for item in cluster.target.preflight(plan))
    for step in plan.steps[:-1]:
        cluster.proxy.lose(Loss.ANSWER)
        with pytest.raises(AmbiguousTargetError):
            cluster.apply(plan, step)
        assert cluster.target.inspect(plan, step).landed is Landed.YES
    cluster.apply(plan, plan.steps[-1])
    assert cluster.target.inspect(plan, plan.steps[-1]).landed is Landed.YES
    assert is_cordoned(cluster, node)
    assert cluster.items("Pod") == []
    assert cluster.target.invert(plan) is None


def test_a_late_eviction_spares_the_pods_namesake(cluster: Cluster, node: str) -> None:
    pod_on(cluster, node, "a")
    plan = drain(cluster, node)
    evict = plan.steps[1]
    cluster.apply(plan, evict)
    second = pod_on(cluster, node, "a")
    # While a pod is pending the API server itself repeats what the precondition refuses, for 10 s (EvictionsRetry).
    ready(cluster, "a")
    with pytest.raises(PreconditionFailed):
        cluster.apply(plan, evict)
    assert cluster.target.inspect(plan, evict).landed is Landed.YES
    assert cluster.get("Pod", "a")["metadata"]["uid"] == second["metadata"]["uid"]


def test_a_drain_refuses_what_needs_a_flag_and_changes_nothing(cluster: Cluster, node: str) -> None:
    pod_on(cluster, node, "bare", volumes=[{"name": "v", "emptyDir": {}}])
    with pytest.raises(PreflightRefused) as caught:
        cluster.plan(cluster.operation(Verb.DRAIN, "Node", node, parameters=DrainParameters()))
    assert "--force" in str(caught.value.hint)
    assert "--delete-emptydir-data" in str(caught.value.hint)
    assert cluster.proxy.writes == []


def test_a_drain_outside_the_allowed_namespaces_is_refused(cluster: Cluster, node: str) -> None:
    pod_on(cluster, node, "a")
    with connect(cluster.settings(allowed_namespaces=("shop",)), request_timeout=30) as connection:
        target = KubernetesTarget(connection)
        operation = cluster.operation(Verb.DRAIN, "Node", node, parameters=DrainParameters(force=True))
        with pytest.raises(PolicyRefused, match=cluster.namespace):
            target.plan(operation, target.resolve(operation), at=datetime.now(UTC))


def a_full_budget(cluster: Cluster, node: str) -> None:
    """A budget over one ready pod that must stay."""
    pod_on(cluster, node, "a")
    ready(cluster, "a")
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}
    cluster.create("PodDisruptionBudget", {"metadata": {"name": "keep"}, "spec": spec})

    def seen() -> bool:
        live = cluster.get("PodDisruptionBudget", "keep")
        status = live.get("status") or {}
        return bool(status.get("observedGeneration") == live["metadata"].get("generation", 1))

    cluster.until(seen)


def test_an_eviction_that_a_budget_refuses_says_when_to_ask_again(cluster: Cluster, node: str) -> None:
    a_full_budget(cluster, node)
    plan = drain(cluster, node, timeout_seconds=12)
    assert ("warning", "pdb_no_headroom") in [(f.severity, f.code) for f in cluster.target.preflight(plan)]
    evict = plan.steps[1]
    with pytest.raises(TransientTargetError) as refused:
        cluster.apply(plan, evict)
    assert refused.value.retry_after == 5.0
    assert cluster.target.inspect(plan, evict).landed is Landed.NO
    cluster.write("DELETE", cluster.path("PodDisruptionBudget", "keep"), None, what="make room")
    cluster.apply(plan, evict)
    assert cluster.target.inspect(plan, evict).landed is Landed.YES


def test_a_cancelled_drain_does_not_go_on_waiting(cluster: Cluster, node: str) -> None:
    pod_on(cluster, node, "slow")
    cluster.change("Pod", "slow", {"metadata": {"finalizers": ["example.com/hold"]}})
    plan, stop = drain(cluster, node, timeout_seconds=600), Event()
    target = KubernetesTarget(cluster.connection, stop=stop)
    for step in plan.steps[:-1]:
        apply(target, plan, step)
    stop.set()
    with pytest.raises(Stopped):
        apply(target, plan, plan.steps[-1])
    cluster.change("Pod", "slow", {"metadata": {"finalizers": None}})
    cluster.until(lambda: not cluster.items("Pod"))


def test_a_pod_that_does_not_end_is_named_at_the_deadline(cluster: Cluster, node: str) -> None:
    pod_on(cluster, node, "slow")
    cluster.change("Pod", "slow", {"metadata": {"finalizers": ["example.com/hold"]}})
    plan = drain(cluster, node, timeout_seconds=1)
    for step in plan.steps[:-1]:
        cluster.apply(plan, step)
    with pytest.raises(PermanentTargetError, match=f"{cluster.namespace}/slow"):
        cluster.apply(plan, plan.steps[-1])
    cluster.change("Pod", "slow", {"metadata": {"finalizers": None}})
    cluster.until(lambda: not cluster.items("Pod"))
