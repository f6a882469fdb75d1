"""What preflight finds on a cluster."""

from typing import Any

import pytest

from countersign.actions.operation import (
    DeleteParameters,
    NoParameters,
    Parameters,
    ScaleParameters,
    SetImageParameters,
    UndoParameters,
    Verb,
)
from countersign.targets.kubernetes.budgets import deletion_findings, selects
from countersign.targets.kubernetes.preflight import warning_finding
from countersign.targets.kubernetes.steps import delete_step
from countersign.targets.model import Finding, ObjectRef, Severity
from tests.targets.cluster import Cluster
from tests.targets.objects import pod

BLOCKING, WARNING, INFO = Severity.BLOCKING, Severity.WARNING, Severity.INFO


def found(findings: Any) -> set[tuple[Severity, str]]:
    return {(item.severity, item.code) for item in findings}


def image(value: str) -> SetImageParameters:
    return SetImageParameters((("app", value),))


@pytest.mark.contract
def test_a_quiet_workload_has_no_findings(cluster: Cluster) -> None:
    cluster.workload()
    plan = cluster.plan(cluster.operation(Verb.RESTART, "Deployment", "api"))
    assert cluster.target.preflight(plan) == ()
    assert cluster.proxy.writes == []


@pytest.mark.contract
@pytest.mark.parametrize(("verb", "parameters"), [(Verb.RESTART, NoParameters()), (Verb.UNDO, UndoParameters())])
def test_a_paused_rollout_blocks(cluster: Cluster, verb: Verb, parameters: Parameters) -> None:
    cluster.workload()
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:0"}]}}}}
    cluster.change("Deployment", "api", patch)
    cluster.settled("Deployment", "api")
    cluster.change("Deployment", "api", {"spec": {"paused": True}})
    plan = cluster.plan(cluster.operation(verb, "Deployment", "api", parameters=parameters))
    assert (BLOCKING, "rollout_paused") in found(cluster.target.preflight(plan))


@pytest.mark.contract
def test_what_the_server_refuses_blocks(cluster: Cluster) -> None:
    cluster.workload()
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(-1)))
    assert found(cluster.target.preflight(plan)) == {(BLOCKING, "dry_run_refused")}


@pytest.mark.contract
def test_a_change_since_the_plan_blocks(cluster: Cluster) -> None:
    cluster.workload()
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(2)))
    cluster.change("Deployment", "api", {"spec": {"replicas": 0, "minReadySeconds": 1}})
    assert (BLOCKING, "changed_since_plan") in found(cluster.target.preflight(plan))


@pytest.mark.contract
@pytest.mark.parametrize(
    ("marks", "finding"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, (WARNING, "gitops_owned")),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, (WARNING, "gitops_owned")),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, (INFO, "helm_owned")),
    ],
)
def test_an_owner_is_named(cluster: Cluster, marks: Any, finding: Any) -> None:
    cluster.workload()
    cluster.change("Deployment", "api", {"metadata": marks})
    plan = cluster.plan(cluster.operation(Verb.RESTART, "Deployment", "api"))
    assert found(cluster.target.preflight(plan)) == {finding}


@pytest.mark.contract
@pytest.mark.parametrize(("value", "findings"), [("app", 1), ("h:5000/app:latest", 1), ("h:5000/app:2", 0)])
def test_an_image_without_a_version_is_warned_about(cluster: Cluster, value: str, findings: int) -> None:
    cluster.workload()
    plan = cluster.plan(cluster.operation(Verb.SET_IMAGE, "Deployment", "api", parameters=image(value)))
    assert found(cluster.target.preflight(plan)) == ({(WARNING, "image_not_pinned")} if findings else set())


@pytest.mark.contract
@pytest.mark.parametrize(("replicas", "says"), [(3, "within 2 to 4"), (9, "bring"), (0, "stops working")])
def test_an_autoscaler_is_named(cluster: Cluster, replicas: int, says: str) -> None:
    cluster.workload(replicas=1)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    spec = {"minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": target}
    cluster.create("HorizontalPodAutoscaler", {"metadata": {"name": "auto"}, "spec": spec})
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(replicas)))
    (finding,) = [item for item in cluster.target.preflight(plan) if item.code == "hpa_owns_replicas"]
    assert finding.severity is WARNING
    assert says in finding.message


@pytest.mark.contract
def test_scaling_below_a_budget_is_warned_about(cluster: Cluster) -> None:
    cluster.workload(replicas=2)
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "api"}}}
    cluster.create("PodDisruptionBudget", {"metadata": {"name": "keep"}, "spec": spec})
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(1)))
    assert (WARNING, "pdb_below_minimum") in found(cluster.target.preflight(plan))


@pytest.mark.contract
def test_a_bad_rollout_in_progress_is_warned_about(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "bad:1"}]}}}}
    cluster.change("Deployment", "api", patch)
    plan = cluster.plan(cluster.operation(Verb.SET_IMAGE, "Deployment", "api", parameters=image("app:2")))
    assert (WARNING, "rollout_in_progress") in found(cluster.target.preflight(plan))


@pytest.mark.contract
def test_a_pod_that_went_meanwhile_is_no_obstacle(cluster: Cluster) -> None:
    body = {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    cluster.create("Pod", body)
    plan = cluster.plan(cluster.operation(Verb.DELETE, "Pod", "one", parameters=DeleteParameters()))
    cluster.write("DELETE", cluster.path("Pod", "one"), {"gracePeriodSeconds": 0}, what="somebody")
    assert found(cluster.target.preflight(plan)) == {(INFO, "already_gone")}
    cluster.apply(plan, plan.steps[0])


def budget(allowed: int) -> Any:
    spec = {"selector": {"matchLabels": {"app": "api"}}}
    return {"metadata": {"name": "keep"}, "spec": spec, "status": {"disruptionsAllowed": allowed}}


@pytest.mark.parametrize(
    ("ready", "allowed", "expected"),
    [
        (True, 0, {(BLOCKING, "pdb_no_headroom")}),
        (False, 0, {(INFO, "pdb_pod_not_ready")}),
        (True, 1, set()),
    ],
)
def test_a_budget_protects_ready_pods(ready: bool, allowed: int, expected: set[Any]) -> None:
    item = pod("x", ready=ready)
    step = delete_step(ObjectRef("c", "Pod", "default", "x", "u"), item, {}, number=1, path="/x")
    assert step is not None
    findings: list[Finding] = list(deletion_findings(step, item, [budget(allowed)]))
    assert found(findings) == expected


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "api"}}, True),
        ({"matchLabels": {"app": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors_match_as_the_api_matches(selector: Any, matches: bool) -> None:
    assert selects(selector, {"app": "api"}) is matches


def test_a_namespace_that_is_being_deleted_is_told(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    # A finalizer holds the object, and so the namespace, for as long as the test looks.
    cluster.change("Deployment", "api", {"metadata": {"finalizers": ["example.org/hold"]}})
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(2)))
    assert "namespace_terminating" not in [found.code for found in cluster.target.preflight(plan)]
    cluster.write("DELETE", f"/api/v1/namespaces/{cluster.namespace}", None, what="somebody")
    found = cluster.until(lambda: [f for f in cluster.target.preflight(plan) if f.code == "namespace_terminating"])
    assert cluster.namespace in found[0].message
    cluster.change("Deployment", "api", {"metadata": {"finalizers": None}})


def test_a_field_that_the_server_drops_blocks(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(2)))
    assert warning_finding(plan.steps[0], 'unknown field "spec.replica"').severity is Severity.BLOCKING
    assert warning_finding(plan.steps[0], "policy/v1beta1 is deprecated").severity is Severity.WARNING
