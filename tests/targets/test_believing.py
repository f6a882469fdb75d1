"""An answer is believed only if it is the API server's, about what was asked for."""

from typing import Any

import pytest

from countersign.targets.kubernetes.believing import (
    asked_of,
    doubt,
    groups_of,
    resources_of,
    says_deleted,
    says_gone,
)

API = "/apis/apps/v1/namespaces/prod/deployments/api"


def live(**changed: Any) -> dict[str, Any]:
    metadata = {"name": "api", "namespace": "prod", "uid": "u1", **changed.pop("metadata", {})}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, **changed}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (API, "deployments api in prod"),
        ("/api/v1/namespaces/prod/pods/a/eviction", "pods a in prod"),
        ("/api/v1/namespaces/prod", "namespaces prod"),
        ("/api/v1/namespaces", "namespaces"),
        ("/api/v1/namespaces/prod/events", "events in prod"),
        ("/api/v1/nodes/node-1", "nodes node-1"),
        ("/apis/apps/v1/namespaces/prod/deployments/a%2Fb", "deployments a/b in prod"),
    ],
)
def test_a_path_says_what_it_is_about(path: str, shown: str) -> None:
    assert str(asked_of(path)) == shown


@pytest.mark.parametrize("path", ["/version", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1"])
def test_discovery_is_about_no_object(path: str) -> None:
    assert asked_of(path) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        "ok",
        {"kind": "Status", "apiVersion": "v1", "status": "Success"},
        live(kind="StatefulSet"),
        live(apiVersion="v1"),
        live(metadata={"name": "web"}),
        live(metadata={"namespace": "shop"}),
        live(metadata={"uid": ""}),
        {**live(), "metadata": None},
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": []},
    ],
)
def test_anything_else_is_not_the_object(answer: Any) -> None:
    asked = asked_of(API)
    assert asked is not None
    assert doubt(asked, answer) is not None
    assert doubt(asked, live()) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"apiVersion": "apps/v1", "kind": "DeploymentList"},
        {"apiVersion": "apps/v1", "kind": "StatefulSetList", "items": []},
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{}]},
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [live(metadata={"namespace": "shop"})]},
        live(),
    ],
)
def test_anything_else_is_not_the_list(answer: Any) -> None:
    asked = asked_of("/apis/apps/v1/namespaces/prod/deployments")
    assert asked is not None
    assert doubt(asked, answer) is not None
    assert doubt(asked, {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [live()]}) is None


def test_a_deletion_is_believed_for_its_uid_alone() -> None:
    asked = asked_of(API)
    assert asked is not None
    status = {"apiVersion": "v1", "kind": "Status", "status": "Success"}
    assert says_deleted(asked, "u1", {**status, "details": {"name": "api", "uid": "u1"}})
    assert says_deleted(asked, "u1", live(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    for other in (status, {**status, "details": {"name": "api", "uid": "u2"}}, live(), {}, None, []):
        assert not says_deleted(asked, "u1", other)


def test_gone_is_a_status_that_names_the_object() -> None:
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound"}
    named = {**status, "details": {"name": "api", "group": "apps", "kind": "deployments"}}
    assert says_gone(asked_of(API), named)
    assert not says_gone(asked_of(API), status)
    assert not says_gone(None, named)
    assert not says_gone(asked_of(API.replace("prod/deployments/api", "prod/deployments/web")), named)


def test_resources_are_read_from_a_list_of_resources_alone() -> None:
    for other in ({"message": "no Route matched"}, [], None, {"kind": "APIGroupList", "resources": []}):
        assert resources_of(other) is None
    cronjobs = {"name": "cronjobs", "kind": "CronJob", "namespaced": True}
    assert resources_of({"kind": "APIResourceList", "resources": [cronjobs, {"name": 1}, "x"]}) == (cronjobs,)


def test_groups_are_read_from_a_list_of_groups_alone() -> None:
    assert groups_of({"message": "no Route matched"}) is None
    found = groups_of(
        {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "policy",
                    "preferredVersion": {"version": "v1"},
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                }
            ],
        }
    )
    assert found is not None
    assert dict(found) == {"policy": ("v1", "v1beta1")}
