"""What a server says about itself."""

import re
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.namespace import Namespace


def resources(api: Api, path: str) -> dict[str, Any]:
    answer = api.get(path).ok()
    assert answer["kind"] == "APIResourceList"
    assert answer["groupVersion"] == path.removeprefix("/apis/").removeprefix("/api/")
    return {resource["name"]: resource for resource in answer["resources"]}


def test_the_version_is_told(api: Api) -> None:
    found = api.get("/version").ok()
    assert re.fullmatch(r"\d+", found["major"])
    assert re.match(r"\d+", found["minor"])
    assert found["gitVersion"].startswith(f"v{found['major']}.")


def test_the_core_group_has_version_one(api: Api) -> None:
    found = api.get("/api").ok()
    assert (found["kind"], found["versions"]) == ("APIVersions", ["v1"])


def test_the_groups_name_their_versions_and_the_preferred_one(api: Api) -> None:
    found = api.get("/apis").ok()
    assert found["kind"] == "APIGroupList"
    groups = {group["name"]: group for group in found["groups"]}
    assert {"apps", "batch", "policy", "autoscaling", "authorization.k8s.io"} <= set(groups)
    for group in groups.values():
        versions = [entry["groupVersion"] for entry in group["versions"]]
        assert group["preferredVersion"]["groupVersion"] in versions
        assert versions[0].startswith(group["name"] + "/")
    assert "apps/v1" in [entry["groupVersion"] for entry in groups["apps"]["versions"]]


def test_one_group_can_be_asked_for(api: Api) -> None:
    found = api.get("/apis/apps").ok()
    assert (found["kind"], found["name"]) == ("APIGroup", "apps")
    assert found["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}


@pytest.mark.parametrize(
    ("name", "kind", "short"),
    [
        ("deployments", "Deployment", ["deploy"]),
        ("statefulsets", "StatefulSet", ["sts"]),
        ("daemonsets", "DaemonSet", ["ds"]),
        ("replicasets", "ReplicaSet", ["rs"]),
    ],
)
def test_the_workloads_are_described(api: Api, name: str, kind: str, short: list[str]) -> None:
    found = resources(api, "/apis/apps/v1")[name]
    assert (found["kind"], found["namespaced"], found["shortNames"]) == (kind, True, short)
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(found["verbs"])


def test_the_scale_subresource_is_described(api: Api) -> None:
    found = resources(api, "/apis/apps/v1")
    for name in ("deployments/scale", "statefulsets/scale", "replicasets/scale"):
        assert (found[name]["kind"], found[name]["group"], found[name]["version"]) == ("Scale", "autoscaling", "v1")
        assert sorted(found[name]["verbs"]) == ["get", "patch", "update"]
    assert sorted(found["deployments/status"]["verbs"]) == ["get", "patch", "update"]


def test_the_core_kinds_are_described(api: Api) -> None:
    found = resources(api, "/api/v1")
    assert (found["nodes"]["namespaced"], found["namespaces"]["namespaced"]) == (False, False)
    assert found["pods"]["namespaced"] is True
    assert found["pods"]["shortNames"] == ["po"]
    assert found["pods/eviction"]["kind"] == "Eviction"
    assert found["pods/eviction"]["verbs"] == ["create"]
    assert "pods/log" in found


def test_the_eviction_version_is_one_that_the_policy_group_has(api: Api, ns: Namespace) -> None:
    group, version = ns.eviction_version().split("/")
    assert group == "policy"
    assert version in api.versions("policy")


def test_budgets_and_autoscalers_are_where_discovery_says(ns: Namespace, api: Api) -> None:
    for name in ("poddisruptionbudgets", "horizontalpodautoscalers"):
        path = ns.path(name)
        group_version = path.removeprefix("/apis/").split("/namespaces/")[0]
        assert resources(api, f"/apis/{group_version}")[name]["namespaced"] is True
        assert ns.items(name) == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_a_healthy_server_says_ok(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.body) == (200, "ok")


def test_access_can_be_asked_for(api: Api, ns: Namespace) -> None:
    attributes = {"namespace": ns.name, "verb": "patch", "group": "apps", "resource": "deployments"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert answer.status == 201
    assert answer.body["kind"] == "SelfSubjectAccessReview"
    assert answer.body["status"]["allowed"] is True
    assert answer.body["spec"]["resourceAttributes"] == attributes
