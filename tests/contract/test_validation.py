"""Values that the server judges, beyond names and types."""

from typing import Any

import pytest

from tests.contract.api import STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, container, deployment, pod, statefulset

APP = "spec.template.spec.containers[0]"


def causes(ns: Namespace, app: Any) -> set[str]:
    """Return the fields that the server objects to in a Deployment of this container."""
    answer = ns.post("deployments", deployment("web", app), dryRun="All")
    assert (answer.status, answer.reason) == (422, "Invalid"), answer
    return answer.causes


@pytest.mark.parametrize(
    ("fields", "objection"),
    [
        ({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}, f"{APP}.resources.requests"),
        ({"resources": {"limits": {"memory": "-1Mi"}}}, f"{APP}.resources.limits[memory]"),
        ({"ports": [{"containerPort": 70000}]}, f"{APP}.ports[0].containerPort"),
        ({"env": [{"name": "1=2", "value": "x"}]}, f"{APP}.env[0].name"),
        ({"imagePullPolicy": "Sometimes"}, f"{APP}.imagePullPolicy"),
        ({"volumeMounts": [{"name": "ghost", "mountPath": "/x"}]}, f"{APP}.volumeMounts[0].name"),
    ],
    ids=["requests", "negative", "port", "variable", "policy", "mount"],
)
def test_a_container_is_judged_field_by_field(ns: Namespace, fields: Any, objection: str) -> None:
    assert causes(ns, container(**fields)) == {objection}


def test_a_quantity_that_cannot_be_read_is_refused(ns: Namespace) -> None:
    body = deployment("web", container(resources={"limits": {"memory": "lots"}}))
    assert ns.post("deployments", body).status in (400, 422)


def test_the_progress_deadline_is_longer_than_the_ready_time(ns: Namespace) -> None:
    answer = ns.post("deployments", deployment(progressDeadlineSeconds=5, minReadySeconds=5))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.progressDeadlineSeconds"}


def test_surge_and_unavailable_cannot_both_be_zero(ns: Namespace) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
    answer = ns.post("deployments", deployment(strategy=strategy))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.strategy.rollingUpdate.maxUnavailable"}


def test_a_statefulset_keeps_the_name_of_its_service(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset(replicas=0))
    answer = ns.patch("statefulsets", "db", {"spec": {"serviceName": "other"}}, STRATEGIC)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec"}


def test_annotations_have_a_largest_size(ns: Namespace) -> None:
    body: Any = configmap()
    body["metadata"]["annotations"] = {"note": "x" * (256 * 1024 + 1)}
    answer = ns.post("configmaps", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"metadata.annotations"}


def test_an_annotations_key_is_judged(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    answer = ns.patch("configmaps", "settings", {"metadata": {"annotations": {"not a key": "x"}}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"metadata.annotations"}


def test_several_objections_come_together(ns: Namespace) -> None:
    answer = ns.post("deployments", deployment("Web", {"name": "App", "image": ""}, replicas=-1))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert {"metadata.name", "spec.replicas", f"{APP}.name", f"{APP}.image"} <= answer.causes


def test_a_budget_takes_one_of_its_two_bounds(ns: Namespace) -> None:
    version = ns.path("poddisruptionbudgets").split("/")[3]
    body = {
        "apiVersion": f"policy/{version}",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1, "maxUnavailable": 1},
    }
    answer = ns.post("poddisruptionbudgets", body)
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_limits_become_requests_in_a_pod_and_not_in_a_template(ns: Namespace) -> None:
    limits = {"cpu": "1", "memory": "64Mi"}
    app = container(resources={"limits": limits})
    found = ns.create("deployments", deployment("web", app, replicas=0))
    assert found["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": limits}
    body = pod()
    body["spec"]["containers"] = [app]
    assert ns.create_pod(body)["spec"]["containers"][0]["resources"] == {"limits": limits, "requests": limits}
