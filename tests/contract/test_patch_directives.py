"""The directives that kubectl's own strategic patches carry."""

from typing import Any

import pytest

from tests.contract.api import MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import NEW_IMAGE, configmap, container, deployment
from tests.contract.versions import needs


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


@pytest.mark.parametrize(
    "body",
    [
        pod_spec(nodeSelector={"$patch": "replace", "disk": "fast"}),
        pod_spec(nodeSelector={"$patch": "delete"}),
        pod_spec(affinity={"$patch": "replace", "nodeAffinity": {}}),
        pod_spec(volumes=[{"$patch": "delete", "name": "ghost"}]),
        {"spec": {"template": {"metadata": {"annotations": {"$patch": "replace", "a": "b"}}}}},
    ],
    ids=["replace", "delete", "object", "element", "annotations"],
)
def test_a_directive_where_nothing_is_changes_nothing(ns: Namespace, body: Any) -> None:
    needs(ns.api, 36)
    ns.create("deployments", deployment(replicas=0))
    web = ns.settled("web")
    assert ns.patch("deployments", "web", body, STRATEGIC).ok() == web


def test_retained_keys_where_no_map_is_are_422(ns: Namespace, web: Any) -> None:
    body = pod_spec(nodeSelector={"$retainKeys": ["disk"], "disk": "fast"})
    assert ns.patch("deployments", "web", body, STRATEGIC).status == 422


def test_a_null_where_nothing_is_is_left_out(ns: Namespace, web: Any) -> None:
    needs(ns.api, 36)
    body = pod_spec(nodeSelector={"disk": "fast", "zone": None})
    found = ns.patch("deployments", "web", body, STRATEGIC).ok()
    assert found["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "fast"}


def test_variables_of_the_same_name_are_all_kept(ns: Namespace) -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    ns.create("deployments", deployment("web", container("app", env=twice), replicas=0))

    def env() -> Any:
        return ns.read("deployments", "web")["spec"]["template"]["spec"]["containers"][0]["env"]

    assert env() == twice
    other = pod_spec(containers=[{"name": "app", "env": [{"name": "B", "value": "9"}]}])
    ns.patch("deployments", "web", other, STRATEGIC).ok()
    assert env() == [twice[0], twice[2], {"name": "B", "value": "9"}]
    first = pod_spec(containers=[{"name": "app", "env": [{"name": "A", "value": "8"}]}])
    ns.patch("deployments", "web", first, STRATEGIC).ok()
    assert env() == [{"name": "A", "value": "8"}, twice[2], {"name": "B", "value": "9"}]
    gone = pod_spec(containers=[{"name": "app", "env": [{"name": "A", "$patch": "delete"}]}])
    ns.patch("deployments", "web", gone, STRATEGIC).ok()
    assert env() == [{"name": "B", "value": "9"}]


def test_variables_named_twice_by_a_patch_are_both_kept_where_there_were_none(ns: Namespace, web: Any) -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    body = pod_spec(containers=[{"name": "app", "env": twice}])
    found = ns.patch("deployments", "web", body, STRATEGIC).ok()
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == twice


def test_a_new_element_stands_before_those_that_the_patch_does_not_name(ns: Namespace, web: Any) -> None:
    body = pod_spec(containers=[{"name": "third", "image": "nginx:1"}])
    assert names(ns.patch("deployments", "web", body, STRATEGIC).ok()) == ["third", "app", "sidecar"]
    body = pod_spec(containers=[{"name": "sidecar", "image": NEW_IMAGE}, {"name": "fourth", "image": "nginx:1"}])
    assert names(ns.patch("deployments", "web", body, STRATEGIC).ok()) == ["third", "app", "sidecar", "fourth"]


def test_an_order_that_names_some_keeps_the_others_where_they_stood(ns: Namespace, web: Any) -> None:
    ns.patch("deployments", "web", pod_spec(containers=[{"name": "third", "image": "nginx:1"}]), STRATEGIC).ok()
    order = [{"name": "sidecar"}, {"name": "third"}]
    body = pod_spec(**{"$setElementOrder/containers": order})
    assert names(ns.patch("deployments", "web", body, STRATEGIC).ok()) == ["app", "sidecar", "third"]
