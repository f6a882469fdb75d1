"""Refusals: the status code, and a Status body with the reason and the details that clients decide by."""

import pytest

from tests.contract.api import STRATEGIC, Answer, Api
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, container, deployment, pod


def expect(answer: Answer, code: int, reason: str) -> None:
    """Check that a refusal has the shape of every refusal."""
    assert answer.status == code, answer
    assert answer.body["kind"] == "Status"
    assert answer.body["apiVersion"] == "v1"
    assert answer.body["status"] == "Failure"
    assert (answer.body["code"], answer.body["reason"]) == (code, reason)
    assert answer.body["message"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "PUT"])
def test_a_missing_object_is_404_not_found(ns: Namespace, method: str) -> None:
    body = {"GET": None, "DELETE": None, "PATCH": {}, "PUT": deployment("ghost")}[method]
    content_type = STRATEGIC if method == "PATCH" else "application/json"
    answer = ns.api.request(method, ns.path("deployments", "ghost"), body, content_type=content_type)
    expect(answer, 404, "NotFound")
    assert answer.body["details"] == {"name": "ghost", "group": "apps", "kind": "deployments"}
    assert answer.body["message"] == 'deployments.apps "ghost" not found'


def test_a_missing_core_object_names_no_group(ns: Namespace) -> None:
    answer = ns.get("configmaps", "ghost")
    expect(answer, 404, "NotFound")
    assert answer.body["details"] == {"name": "ghost", "kind": "configmaps"}
    assert answer.body["message"] == 'configmaps "ghost" not found'


def test_a_missing_scale_subresource_is_404(ns: Namespace) -> None:
    expect(ns.get("deployments", "ghost", "scale"), 404, "NotFound")


def test_creating_in_a_missing_namespace_is_404(api: Api, run_id: str) -> None:
    missing = f"missing-{run_id}"
    answer = api.request("POST", f"/api/v1/namespaces/{missing}/configmaps", configmap())
    expect(answer, 404, "NotFound")
    assert answer.body["details"] == {"name": missing, "kind": "namespaces"}


def test_listing_in_a_missing_namespace_is_an_empty_list(api: Api, run_id: str) -> None:
    answer = api.get(f"/apis/apps/v1/namespaces/missing-{run_id}/deployments")
    assert answer.status == 200
    assert answer.body["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/gizmos",
        "/apis/apps/v1/namespaces/default/gizmos",
        "/apis/apps/v9/namespaces/default/deployments",
        "/apis/nowhere.example/v1/things",
    ],
)
def test_an_unknown_resource_group_or_version_is_404(api: Api, path: str) -> None:
    assert api.get(path).status == 404


def test_creating_twice_is_409_already_exists(ns: Namespace) -> None:
    ns.create("deployments", deployment())
    answer = ns.post("deployments", deployment())
    expect(answer, 409, "AlreadyExists")
    assert answer.body["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


def test_a_stale_put_is_409_conflict(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    ns.patch("configmaps", "settings", {"data": {"colour": "green"}}).ok()
    answer = ns.put("configmaps", "settings", found)
    expect(answer, 409, "Conflict")
    assert answer.body["details"] == {"name": "settings", "kind": "configmaps"}


@pytest.mark.parametrize("name", ["Web", "web_1", "-web", "web.", "w" * 254])
def test_an_impossible_name_is_422_naming_the_field(ns: Namespace, name: str) -> None:
    answer = ns.post("configmaps", configmap(name))
    expect(answer, 422, "Invalid")
    assert answer.body["details"]["name"] == name
    assert answer.body["details"]["kind"] == "ConfigMap"
    assert answer.causes == {"metadata.name"}


def test_an_object_without_a_name_is_422(ns: Namespace) -> None:
    answer = ns.post("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})
    expect(answer, 422, "Invalid")
    assert answer.causes == {"metadata.name"}


def test_negative_replicas_are_422(ns: Namespace) -> None:
    ns.create("deployments", deployment())
    answer = ns.patch("deployments", "web", {"spec": {"replicas": -1}})
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.replicas"}
    assert answer.body["details"]["group"] == "apps"
    assert answer.body["details"]["kind"] == "Deployment"
    assert ns.read("deployments", "web")["spec"]["replicas"] == 1


def test_a_selector_cannot_be_changed(ns: Namespace) -> None:
    ns.create("deployments", deployment())
    change = {
        "spec": {
            "selector": {"matchLabels": {"app": "other"}},
            "template": {"metadata": {"labels": {"app": "other"}}},
        }
    }
    answer = ns.patch("deployments", "web", change)
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.selector"}
    assert "immutable" in answer.body["message"]


def test_a_selector_that_misses_the_template_is_422(ns: Namespace) -> None:
    body = deployment()
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = ns.post("deployments", body)
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.template.metadata.labels"}


def test_a_deployment_without_containers_is_422(ns: Namespace) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"] = []
    answer = ns.post("deployments", body)
    expect(answer, 422, "Invalid")
    assert "spec.template.spec.containers" in answer.causes


def test_a_container_without_an_image_is_422(ns: Namespace) -> None:
    body = deployment("web", {"name": "app"})
    answer = ns.post("deployments", body)
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.template.spec.containers[0].image"}


def test_two_containers_of_one_name_are_422(ns: Namespace) -> None:
    answer = ns.post("deployments", deployment("web", container(), container()))
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.template.spec.containers[1].name"}


def test_a_pods_containers_cannot_be_added_to(ns: Namespace) -> None:
    ns.create_pod(pod())
    answer = ns.patch("pods", "alone", {"spec": {"containers": [container("extra")]}}, STRATEGIC)
    expect(answer, 422, "Invalid")
    assert answer.causes == {"spec.containers"}


def test_an_impossible_label_value_is_422(ns: Namespace) -> None:
    answer = ns.post("configmaps", configmap(labels={"app": "not a label"}))
    expect(answer, 422, "Invalid")
    assert answer.causes == {"metadata.labels"}


def test_an_unsupported_patch_type_is_415(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    answer = ns.patch("configmaps", "settings", {"data": {"a": "b"}}, "application/json")
    expect(answer, 415, "UnsupportedMediaType")


def test_a_collection_does_not_take_a_put(ns: Namespace) -> None:
    answer = ns.api.request("PUT", ns.path("configmaps"), configmap())
    expect(answer, 405, "MethodNotAllowed")


def test_a_body_that_is_not_json_is_400(ns: Namespace) -> None:
    answer = ns.api.request("POST", ns.path("configmaps"), b"{nonsense")
    expect(answer, 400, "BadRequest")


def test_a_patch_that_is_not_json_is_refused(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    answer = ns.patch("configmaps", "settings", b"{nonsense")
    assert answer.status in (400, 500), answer  # old servers take it for a fault of their own
    assert answer.body["kind"] == "Status"
    assert ns.read("configmaps", "settings") == found


def test_a_field_of_the_wrong_type_is_refused(ns: Namespace) -> None:
    ns.create("deployments", deployment())
    answer = ns.patch("deployments", "web", {"spec": {"replicas": "three"}})
    assert answer.status in (400, 422), answer  # differs between Kubernetes versions
    assert ns.read("deployments", "web")["spec"]["replicas"] == 1


def test_a_body_of_another_kind_is_400(ns: Namespace) -> None:
    expect(ns.post("configmaps", deployment()), 400, "BadRequest")


def test_a_body_of_another_namespace_is_400(ns: Namespace) -> None:
    body = configmap()
    body["metadata"]["namespace"] = "default"
    expect(ns.post("configmaps", body), 400, "BadRequest")


def test_a_put_under_another_name_is_400(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    expect(ns.put("configmaps", "settings", configmap("other")), 400, "BadRequest")


def test_a_wrong_token_is_401(api: Api) -> None:
    answer = api.request("GET", "/api/v1/namespaces", token="not-the-token")
    expect(answer, 401, "Unauthorized")
