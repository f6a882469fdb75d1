"""Where the API server reads the options of a deletion: the body, and the query only where there is none."""

from typing import Any

import pytest

from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, pod
from tests.contract.versions import minor

ALL = {"dryRun": "All"}
OPTIONS = {"apiVersion": "v1", "kind": "DeleteOptions"}
OTHER_UID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "body", [OPTIONS, {}, b"null", {"gracePeriodSeconds": 0}], ids=["options", "empty", "null", "grace"]
)
def test_a_dry_run_in_the_query_beside_a_body_deletes(ns: Namespace, body: Any) -> None:
    ns.create("configmaps", configmap())
    assert ns.delete("configmaps", "settings", body, **ALL).status == 200
    assert ns.get("configmaps", "settings").status == 404


@pytest.mark.parametrize(
    ("body", "query"),
    [(None, ALL), ({"dryRun": ["All"]}, {}), ({**OPTIONS, "dryRun": ["All"]}, ALL)],
    ids=["query", "body", "both"],
)
def test_a_dry_run_is_dry_in_the_query_alone_and_in_the_options(
    ns: Namespace, body: Any, query: dict[str, str]
) -> None:
    found = ns.create("configmaps", configmap())
    answer = ns.delete("configmaps", "settings", body, **query)
    assert (answer.status, answer.body["status"]) == (200, "Success")
    assert ns.read("configmaps", "settings") == found


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        ({"dryRun": ["Some"]}, {}, 422),
        ({"dryRun": "All"}, {}, 400),
        (None, {"dryRun": "Some"}, 422),
        (None, {"dryRun": ""}, 422),
        ({"propagationPolicy": "Some"}, {}, 422),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, {}, 422),
        (None, {"propagationPolicy": "Some"}, 422),
        (None, {"gracePeriodSeconds": "soon"}, 400),
        ([], {}, 400),
        (b"hello", {}, 400),
        (configmap(), {}, 400),
    ],
)
def test_options_that_do_not_exist_are_refused(ns: Namespace, body: Any, query: dict[str, str], code: int) -> None:
    found = ns.create("configmaps", configmap())
    # Older servers call a body that they cannot read a mistake of their own.
    unread = code == 400 and body is not None and minor(ns.api) < 35
    assert ns.delete("configmaps", "settings", body, **query).status == (500 if unread else code)
    assert ns.read("configmaps", "settings") == found


def test_what_the_query_says_beside_a_body_is_not_even_read(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    query = {"dryRun": "Some", "propagationPolicy": "Some", "uid": OTHER_UID}
    assert ns.delete("configmaps", "settings", {}, **query).status == 200
    assert ns.get("configmaps", "settings").status == 404


def test_a_grace_period_in_the_query_counts_only_without_a_body(ns: Namespace) -> None:
    cases: list[tuple[str, Any, int]] = [("told", {}, 3), ("asked", None, 1)]
    for name, body, seconds in cases:
        ns.create_pod(pod(name, terminationGracePeriodSeconds=3))
        ns.wait("pods", name, lambda found: found["status"]["phase"] == "Running", "to run")
        answer = ns.delete("pods", name, body, gracePeriodSeconds="1").ok()
        assert answer["metadata"]["deletionGracePeriodSeconds"] == seconds


def test_a_uid_in_the_query_is_a_precondition_without_a_body(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    for query in ({"uid": OTHER_UID}, {"resourceVersion": "1"}):
        answer = ns.delete("configmaps", "settings", None, **query)
        assert (answer.status, answer.reason) == (409, "Conflict")
    assert ns.delete("configmaps", "settings", {"preconditions": {"uid": OTHER_UID}}).status == 409
    assert ns.delete("configmaps", "settings", None, uid=found["metadata"]["uid"]).status == 200


def test_an_unknown_field_of_the_options_is_not_heeded(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    assert ns.delete("configmaps", "settings", {"dry_run": ["All"]}).status == 200
    assert ns.get("configmaps", "settings").status == 404


def test_options_in_another_form_than_json_are_415(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    path = ns.path("configmaps", "settings")
    answer = ns.api.request("DELETE", path, OPTIONS, content_type="application/merge-patch+json")
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")
    assert ns.read("configmaps", "settings") == found


@pytest.mark.parametrize(
    ("body", "query", "stays"),
    [(None, ALL, True), ({"dryRun": ["All"]}, {}, True), (OPTIONS, ALL, False)],
    ids=["query", "body", "query-and-body"],
)
def test_a_collection_is_deleted_by_the_same_rule(
    ns: Namespace, body: Any, query: dict[str, str], stays: bool
) -> None:
    ns.create("configmaps", configmap(labels={"colour": "red"}))
    answer = ns.api.request("DELETE", ns.path("configmaps"), body, query={**query, "labelSelector": "colour=red"})
    assert answer.status == 200
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["settings"]
    assert (ns.get("configmaps", "settings").status == 200) is stays


def eviction(ns: Namespace, options: Any) -> dict[str, Any]:
    body = {"apiVersion": ns.eviction_version(), "kind": "Eviction", "metadata": {"name": "alone"}}
    return body if options is None else {**body, "deleteOptions": options}


@pytest.mark.parametrize(
    ("options", "query"),
    [
        (None, ALL),
        ({}, ALL),
        ({"gracePeriodSeconds": 0}, ALL),
        ({"dryRun": ["All"]}, {}),
        ({"dryRun": ["All"]}, ALL),
    ],
)
def test_an_eviction_is_dry_by_its_options_and_by_its_query(
    ns: Namespace, options: Any, query: dict[str, str]
) -> None:
    found = ns.create_pod(pod())
    path = ns.path("pods", "alone", "eviction")
    assert ns.api.request("POST", path, eviction(ns, options), query=query).status == 201
    after = ns.read("pods", "alone")["metadata"]
    assert after["uid"] == found["metadata"]["uid"]
    assert "deletionTimestamp" not in after


@pytest.mark.parametrize(
    ("options", "query", "code"),
    [
        ({"dryRun": ["Some"]}, {}, 422),
        ({}, {"dryRun": "Some"}, 422),
        ({"dryRun": ["Some"]}, ALL, 500),
        ({"propagationPolicy": "Some"}, {}, 422),
    ],
)
def test_options_of_an_eviction_that_do_not_exist_are_refused(
    ns: Namespace, options: Any, query: dict[str, str], code: int
) -> None:
    ns.create_pod(pod())
    path = ns.path("pods", "alone", "eviction")
    assert ns.api.request("POST", path, eviction(ns, options), query=query).status == code
    assert "deletionTimestamp" not in ns.read("pods", "alone")["metadata"]


def test_an_eviction_without_its_pods_name_is_400(ns: Namespace) -> None:
    ns.create_pod(pod())
    body = {"apiVersion": ns.eviction_version(), "kind": "Eviction"}
    assert ns.api.request("POST", ns.path("pods", "alone", "eviction"), body).status == 400
    assert "deletionTimestamp" not in ns.read("pods", "alone")["metadata"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("value", ["Some", ""])
def test_a_write_with_another_dry_run_value_is_422(ns: Namespace, method: str, value: str) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    body = configmap("other" if method == "POST" else "settings", colour="blue")
    path = ns.path("configmaps", "" if method == "POST" else "settings")
    how = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = ns.api.request(method, path, body, query={"dryRun": value}, content_type=how)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert ns.read("configmaps", "settings") == found
    assert ns.get("configmaps", "other").status == 404
