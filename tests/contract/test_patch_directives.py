"""The directives that kubectl's own strategic patches carry."""

from typing import Any

import pytest

from tests.contract.api import MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import NEW_IMAGE, configmap, container, deployment


@pytest.fixture
def web(ns: Namespace) -> Any:
    """A Deployment of two containers without pods."""
    return ns.create("deployments", deployment("web", container(), container("sidecar"), replicas=0))


def pod_spec(**fields: Any) -> Any:
    return {"spec": {"template": {"spec": fields}}}


def names(found: Any) -> list[str]:
    return [one["name"] for one in found["spec"]["template"]["spec"]["containers"]]


def test_the_order_of_elements_can_be_given(ns: Namespace, web: Any) -> None:
    order = [{"name": "sidecar"}, {"name": "app"}]
    body = pod_spec(**{"$setElementOrder/containers": order, "containers": [{"name": "app", "image": NEW_IMAGE}]})
    found = ns.patch("deployments", "web", body, STRATEGIC).ok()
    assert names(found) == ["sidecar", "app"]
    assert found["spec"]["template"]["spec"]["containers"][1]["image"] == NEW_IMAGE


def test_an_order_with_what_is_there_changes_nothing(ns: Namespace, web: Any) -> None:
    order = [{"name": "app"}, {"name": "sidecar"}]
    body = pod_spec(**{"$setElementOrder/containers": order, "containers": [{"name": "app"}]})
    assert ns.patch("deployments", "web", body, STRATEGIC).ok()["spec"] == web["spec"]


def test_only_the_keys_to_retain_stay(ns: Namespace, web: Any) -> None:
    body = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert ns.patch("deployments", "web", body, STRATEGIC).ok()["spec"]["strategy"] == {"type": "Recreate"}


def test_recreate_with_the_settings_of_a_rolling_update_is_422(ns: Namespace, web: Any) -> None:
    answer = ns.patch("deployments", "web", {"spec": {"strategy": {"type": "Recreate"}}}, MERGE)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.strategy.rollingUpdate"}


def test_finalizers_are_merged_as_a_set(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    for finalizers in (["example.com/one"], ["example.com/two"], ["example.com/one"]):
        found = ns.patch("configmaps", "settings", {"metadata": {"finalizers": finalizers}}, STRATEGIC).ok()
    assert sorted(found["metadata"]["finalizers"]) == ["example.com/one", "example.com/two"]
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/one"]}}
    found = ns.patch("configmaps", "settings", body, STRATEGIC).ok()
    assert found["metadata"]["finalizers"] == ["example.com/two"]
    found = ns.patch("configmaps", "settings", {"metadata": {"finalizers": None}}, STRATEGIC).ok()
    assert "finalizers" not in found["metadata"]


def test_a_whole_map_can_be_replaced(ns: Namespace) -> None:
    ns.create("configmaps", configmap(colour="red", shape="round"))
    body = {"data": {"$patch": "replace", "size": "big"}}
    assert ns.patch("configmaps", "settings", body, STRATEGIC).ok()["data"] == {"size": "big"}


def test_a_variable_from_a_source_becomes_a_value_when_the_source_is_removed(ns: Namespace) -> None:
    source = {"configMapKeyRef": {"name": "settings", "key": "colour"}}
    app = container("app", env=[{"name": "COLOUR", "valueFrom": source}])
    ns.create("deployments", deployment("web", app, replicas=0))
    both = pod_spec(containers=[{"name": "app", "env": [{"name": "COLOUR", "value": "blue"}]}])
    answer = ns.patch("deployments", "web", both, STRATEGIC)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.template.spec.containers[0].env[0].valueFrom"}
    one = pod_spec(containers=[{"name": "app", "env": [{"name": "COLOUR", "value": "blue", "valueFrom": None}]}])
    found = ns.patch("deployments", "web", one, STRATEGIC).ok()
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "COLOUR", "value": "blue"}]
