"""The three patch types, and how lists are merged."""

from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import NEW_IMAGE, configmap, container, deployment


@pytest.fixture
def web(ns: Namespace) -> Any:
    """A Deployment of two containers with all the lists that have merge keys, not rolled out."""
    app = container(
        "app",
        env=[{"name": "COLOUR", "value": "red"}, {"name": "SHAPE", "value": "round"}],
        ports=[{"name": "http", "containerPort": 80}],
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
        args=["one", "two"],
    )
    body = deployment("web", app, container("sidecar"), replicas=0)
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return ns.create("deployments", body)


def pod_spec(**fields: Any) -> Any:
    return {"spec": {"template": {"spec": fields}}}


def strategic(ns: Namespace, **fields: Any) -> Any:
    """Patch the Deployment's pod spec strategically, and return the pod spec."""
    return ns.patch("deployments", "web", pod_spec(**fields), STRATEGIC).ok()["spec"]["template"]["spec"]


def names(things: list[Any]) -> list[str]:
    return [thing["name"] for thing in things]


@pytest.mark.parametrize(
    ("how", "body"),
    [
        (MERGE, {"data": {"colour": "blue"}}),
        (STRATEGIC, {"data": {"colour": "blue"}}),
        (JSON_PATCH, [{"op": "replace", "path": "/data/colour", "value": "blue"}]),
    ],
    ids=["merge", "strategic", "json"],
)
def test_each_patch_type_changes_one_field_and_answers_the_object(ns: Namespace, how: str, body: Any) -> None:
    ns.create("configmaps", configmap(colour="red", shape="round"))
    answer = ns.patch("configmaps", "settings", body, how)
    assert answer.status == 200
    assert answer.body["kind"] == "ConfigMap"
    assert answer.body["data"] == {"colour": "blue", "shape": "round"}
    assert ns.read("configmaps", "settings")["data"] == answer.body["data"]


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_null_removes_a_field(ns: Namespace, how: str) -> None:
    ns.create("configmaps", configmap(colour="red", shape="round"))
    assert ns.patch("configmaps", "settings", {"data": {"shape": None}}, how).ok()["data"] == {"colour": "red"}


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_labels_and_annotations_are_added_and_removed_one_by_one(ns: Namespace, how: str, kind: str) -> None:
    ns.create("configmaps", configmap())
    ns.patch("configmaps", "settings", {"metadata": {kind: {"a": "1", "b": "2"}}}, how).ok()
    ns.patch("configmaps", "settings", {"metadata": {kind: {"a": None, "c": "3"}}}, how).ok()
    assert ns.read("configmaps", "settings")["metadata"][kind] == {"b": "2", "c": "3"}
    ns.patch("configmaps", "settings", {"metadata": {kind: {"b": None, "c": None}}}, how).ok()
    assert kind not in ns.read("configmaps", "settings")["metadata"]


def test_removing_a_label_that_is_not_there_changes_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    assert ns.patch("configmaps", "settings", {"metadata": {"labels": {"ghost": None}}}).ok() == found


def test_strategic_changes_the_image_of_the_named_container_only(ns: Namespace, web: Any) -> None:
    found = strategic(ns, containers=[{"name": "sidecar", "image": NEW_IMAGE}])
    before = web["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one for one in found["containers"]} == {
        "app": before[0],
        "sidecar": {**before[1], "image": NEW_IMAGE},
    }


def test_strategic_with_an_unknown_container_adds_it(ns: Namespace, web: Any) -> None:
    found = strategic(ns, containers=[{"name": "extra", "image": NEW_IMAGE}])
    assert sorted(names(found["containers"])) == ["app", "extra", "sidecar"]


def test_merge_replaces_the_whole_list_of_containers(ns: Namespace, web: Any) -> None:
    ns.patch("deployments", "web", pod_spec(volumes=None, containers=[container("only")])).ok()
    assert names(ns.read("deployments", "web")["spec"]["template"]["spec"]["containers"]) == ["only"]


def test_strategic_merges_variables_by_name(ns: Namespace, web: Any) -> None:
    env = [{"name": "COLOUR", "value": "blue"}, {"name": "SIZE", "value": "big"}]
    found = strategic(ns, containers=[{"name": "app", "env": env}])
    app = next(one for one in found["containers"] if one["name"] == "app")
    assert {one["name"]: one["value"] for one in app["env"]} == {"COLOUR": "blue", "SHAPE": "round", "SIZE": "big"}


def test_strategic_merges_ports_and_mounts_by_their_keys(ns: Namespace, web: Any) -> None:
    found = strategic(
        ns,
        containers=[
            {
                "name": "app",
                "ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 443}],
                "volumeMounts": [{"mountPath": "/scratch", "name": "scratch", "readOnly": True}],
            }
        ],
    )
    app = next(one for one in found["containers"] if one["name"] == "app")
    ports = {port["containerPort"]: port for port in app["ports"]}
    assert ports[80] == {"containerPort": 80, "name": "web", "protocol": "TCP"}
    assert ports[443] == {"containerPort": 443, "protocol": "TCP"}
    assert app["volumeMounts"] == [{"mountPath": "/scratch", "name": "scratch", "readOnly": True}]


def test_strategic_merges_volumes_by_name(ns: Namespace, web: Any) -> None:
    found = strategic(ns, volumes=[{"name": "more", "emptyDir": {}}])
    assert sorted(names(found["volumes"])) == ["more", "scratch"]


def test_a_list_without_a_merge_key_is_replaced(ns: Namespace, web: Any) -> None:
    found = strategic(ns, containers=[{"name": "app", "args": ["three"]}])
    assert next(one for one in found["containers"] if one["name"] == "app")["args"] == ["three"]


def test_patch_delete_removes_one_element(ns: Namespace, web: Any) -> None:
    found = strategic(ns, containers=[{"name": "sidecar", "$patch": "delete"}])
    assert names(found["containers"]) == ["app"]


def test_patch_delete_removes_one_variable(ns: Namespace, web: Any) -> None:
    found = strategic(ns, containers=[{"name": "app", "env": [{"name": "SHAPE", "$patch": "delete"}]}])
    app = next(one for one in found["containers"] if one["name"] == "app")
    assert app["env"] == [{"name": "COLOUR", "value": "red"}]


def test_patch_replace_replaces_a_list(ns: Namespace, web: Any) -> None:
    env = [{"$patch": "replace"}, {"name": "SIZE", "value": "big"}]
    found = strategic(ns, containers=[{"name": "app", "env": env}])
    app = next(one for one in found["containers"] if one["name"] == "app")
    assert app["env"] == [{"name": "SIZE", "value": "big"}]


def test_a_strategic_element_without_its_merge_key_is_refused(ns: Namespace, web: Any) -> None:
    answer = ns.patch("deployments", "web", pod_spec(containers=[{"image": NEW_IMAGE}]), STRATEGIC)
    assert answer.status in (400, 422, 500), answer
    assert ns.read("deployments", "web")["spec"] == web["spec"]


def test_null_removes_one_resource_limit(ns: Namespace, web: Any) -> None:
    limits = {"cpu": "500m", "memory": "64Mi"}
    strategic(ns, containers=[{"name": "app", "resources": {"limits": limits}}])
    found = strategic(ns, containers=[{"name": "app", "resources": {"limits": {"cpu": None}}}])
    app = next(one for one in found["containers"] if one["name"] == "app")
    assert app["resources"]["limits"] == {"memory": "64Mi"}


def test_quantities_are_kept_in_their_canonical_form(ns: Namespace, web: Any) -> None:
    requests = {"cpu": "0.5", "memory": "1024Mi"}
    found = strategic(ns, containers=[{"name": "app", "resources": {"requests": requests}}])
    app = next(one for one in found["containers"] if one["name"] == "app")
    assert app["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_json_patch_adds_to_the_end_of_a_list_and_moves_nothing(ns: Namespace, web: Any) -> None:
    path = "/spec/template/spec/containers/-"
    found = ns.json_patch("deployments", "web", {"op": "add", "path": path, "value": container("extra")}).ok()
    assert names(found["spec"]["template"]["spec"]["containers"]) == ["app", "sidecar", "extra"]


def test_json_patch_is_all_or_nothing(ns: Namespace, web: Any) -> None:
    answer = ns.json_patch(
        "deployments",
        "web",
        {"op": "replace", "path": "/spec/replicas", "value": 5},
        {"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "ghost"},
    )
    assert answer.status == 422
    assert ns.read("deployments", "web")["spec"] == web["spec"]


def test_a_result_that_is_not_valid_is_refused_whatever_the_patch_type(ns: Namespace, web: Any) -> None:
    bodies: list[tuple[str, Any]] = [
        (MERGE, pod_spec(containers=[])),
        (STRATEGIC, pod_spec(restartPolicy="Sometimes")),
        (JSON_PATCH, [{"op": "replace", "path": "/spec/template/spec/containers/0/name", "value": "Not A Name"}]),
    ]
    for how, body in bodies:
        answer = ns.patch("deployments", "web", body, how)
        assert (answer.status, answer.reason) == (422, "Invalid"), (how, answer)
    assert ns.read("deployments", "web")["spec"] == web["spec"]


def test_the_server_fills_in_the_defaults_that_a_rollout_depends_on(ns: Namespace) -> None:
    spec = ns.create("deployments", deployment(replicas=0))["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["revisionHistoryLimit"] == 10
    assert spec["template"]["spec"]["restartPolicy"] == "Always"
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_removing_replicas_means_one(ns: Namespace, web: Any) -> None:
    assert ns.patch("deployments", "web", {"spec": {"replicas": None}}).ok()["spec"]["replicas"] == 1
