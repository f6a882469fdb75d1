"""`dryRun=All`: the whole request is judged and answered, and nothing is stored."""

from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, deployment, pod

ALL = {"dryRun": "All"}


def test_a_dry_create_answers_the_object_and_stores_nothing(ns: Namespace) -> None:
    answer = ns.post("deployments", deployment(), **ALL)
    assert answer.status == 201
    assert answer.body["metadata"]["uid"]
    assert answer.body["spec"]["progressDeadlineSeconds"] == 600
    assert ns.get("deployments", "web").status == 404


@pytest.mark.parametrize(
    ("how", "body"),
    [
        (MERGE, {"spec": {"replicas": 5}}),
        (STRATEGIC, {"spec": {"replicas": 5}}),
        (JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": 5}]),
    ],
    ids=["merge", "strategic", "json"],
)
def test_a_dry_patch_answers_the_result_and_stores_nothing(ns: Namespace, how: str, body: Any) -> None:
    before = ns.settled_deployment()
    answer = ns.patch("deployments", "web", body, how, **ALL).ok()
    assert answer["spec"]["replicas"] == 5
    assert answer["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert ns.read("deployments", "web") == before


def test_a_dry_patch_is_refused_like_a_real_one(ns: Namespace) -> None:
    before = ns.settled_deployment()
    assert ns.patch("deployments", "web", {"spec": {"replicas": -1}}, **ALL).status == 422
    assert ns.patch("deployments", "ghost", {"spec": {"replicas": 1}}, **ALL).status == 404
    stale = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}
    assert ns.patch("deployments", "web", stale, **ALL).status == 409
    failing = {"op": "test", "path": "/spec/replicas", "value": 9}
    assert ns.json_patch("deployments", "web", failing, **ALL).status == 422
    assert ns.read("deployments", "web") == before


def test_a_dry_put_stores_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    changed = {**found, "data": {"colour": "blue"}}
    assert ns.put("configmaps", "settings", changed, **ALL).ok()["data"] == {"colour": "blue"}
    assert ns.read("configmaps", "settings") == found


def test_a_dry_delete_stores_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    assert ns.delete("configmaps", "settings", **ALL).status == 200
    assert ns.delete("configmaps", "settings", {"dryRun": ["All"]}).status == 200
    assert ns.read("configmaps", "settings") == found


def test_a_dry_delete_of_a_pod_leaves_it_running(ns: Namespace) -> None:
    found = ns.create_pod(pod())
    assert ns.delete("pods", "alone", **ALL).status == 200
    after = ns.read("pods", "alone")["metadata"]
    assert after["uid"] == found["metadata"]["uid"]
    assert "deletionTimestamp" not in after


def test_a_dry_scale_stores_nothing(ns: Namespace) -> None:
    before = ns.settled_deployment()
    answer = ns.patch("deployments", "web", {"spec": {"replicas": 7}}, subresource="scale", **ALL).ok()
    assert answer["spec"]["replicas"] == 7
    assert ns.read("deployments", "web") == before


def test_a_dry_eviction_leaves_the_pod(ns: Namespace) -> None:
    found = ns.create_pod(pod())
    body = {
        "apiVersion": ns.eviction_version(),
        "kind": "Eviction",
        "metadata": {"name": "alone", "namespace": ns.name},
    }
    answer = ns.api.request("POST", ns.path("pods", "alone", "eviction"), body, query=ALL)
    assert answer.status == 201, answer
    after = ns.read("pods", "alone")["metadata"]
    assert after["uid"] == found["metadata"]["uid"]
    assert "deletionTimestamp" not in after


def test_an_unknown_dry_run_value_is_refused(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    answer = ns.patch("configmaps", "settings", {"data": {"colour": "blue"}}, dryRun="Some")
    assert answer.status in (400, 422), answer
    assert ns.read("configmaps", "settings") == found
