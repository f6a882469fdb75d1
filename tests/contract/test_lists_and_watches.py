"""Collections: selectors, pages and watches."""

from typing import Any

import pytest

from tests.contract.api import STRATEGIC, Api
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, deployment, pod


@pytest.fixture
def coloured(ns: Namespace) -> Namespace:
    """A namespace with four labelled ConfigMaps, apart from those that a real namespace is given."""
    labels: dict[str, dict[str, str]] = {
        "one": {"colour": "red", "tier": "front"},
        "two": {"colour": "red", "tier": "back"},
        "three": {"colour": "blue"},
        "four": {"shape": "round"},
    }
    for name, own in labels.items():
        ns.create("configmaps", configmap(name, labels={"contract": "yes", **own}))
    return ns


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("colour=red", ["one", "two"]),
        ("colour==red", ["one", "two"]),
        ("colour=red,tier=back", ["two"]),
        ("colour!=red", ["four", "three"]),
        ("colour in (red,blue)", ["one", "three", "two"]),
        ("colour notin (red)", ["four", "three"]),
        ("colour", ["one", "three", "two"]),
        ("!colour", ["four"]),
        ("colour in (red),tier!=back", ["one"]),
        ("colour=green", []),
    ],
)
def test_label_selectors(coloured: Namespace, selector: str, wanted: list[str]) -> None:
    assert coloured.names("configmaps", labelSelector=f"contract,{selector}") == wanted


def test_a_selector_that_cannot_be_read_is_400(ns: Namespace) -> None:
    answer = ns.get("configmaps", labelSelector="colour in red")
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_a_field_selector_finds_one_name(coloured: Namespace) -> None:
    assert coloured.names("configmaps", fieldSelector="metadata.name=two") == ["two"]
    assert coloured.names("configmaps", fieldSelector="metadata.name=ghost") == []


def test_a_field_selector_of_an_unknown_field_is_400(ns: Namespace) -> None:
    answer = ns.get("configmaps", fieldSelector="data.colour=red")
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_pods_are_found_by_node_and_phase(ns: Namespace) -> None:
    ns.create_pod(pod())
    found = ns.wait("pods", "alone", lambda one: one["status"]["phase"] == "Running", "to run")
    node = found["spec"]["nodeName"]
    assert ns.names("pods", fieldSelector=f"spec.nodeName={node}") == ["alone"]
    assert ns.names("pods", fieldSelector="spec.nodeName=ghost") == []
    assert ns.names("pods", fieldSelector="status.phase=Running") == ["alone"]
    assert ns.names("pods", fieldSelector="status.phase!=Running") == []
    everywhere = ns.api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={node}").ok()["items"]
    assert (ns.name, "alone") in [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in everywhere]


def test_a_list_has_a_kind_and_a_version_and_its_items_have_neither(ns: Namespace) -> None:
    ns.create("deployments", deployment(replicas=0))
    answer = ns.get("deployments").ok()
    assert (answer["kind"], answer["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert answer["metadata"]["resourceVersion"]
    (item,) = answer["items"]
    assert "kind" not in item
    assert "apiVersion" not in item
    single = ns.read("deployments", "web")
    assert (single["kind"], single["apiVersion"]) == ("Deployment", "apps/v1")


def test_a_list_is_sorted_by_name(coloured: Namespace) -> None:
    found = [item["metadata"]["name"] for item in coloured.items("configmaps", labelSelector="contract")]
    assert found == ["four", "one", "three", "two"]


def test_pages_join_to_the_whole_list(coloured: Namespace) -> None:
    first = coloured.get("configmaps", limit="2").ok()
    whole = coloured.names("configmaps")
    seen = [item["metadata"]["name"] for item in first["items"]]
    assert len(seen) == 2
    assert first["metadata"]["remainingItemCount"] == len(whole) - 2
    page = first
    while page["metadata"].get("continue"):
        page = coloured.get("configmaps", limit="2", **{"continue": page["metadata"]["continue"]}).ok()
        seen += [item["metadata"]["name"] for item in page["items"]]
    assert seen == whole


def test_an_unreadable_continue_token_is_400(ns: Namespace) -> None:
    answer = ns.get("configmaps", limit="2", **{"continue": "nonsense"})
    assert (answer.status, answer.reason) == (400, "BadRequest")


def events(ns: Namespace, wanted: int, **query: str) -> list[tuple[str, Any]]:
    """Return the first events of a watch."""
    found: list[tuple[str, Any]] = []
    for event in ns.api.watch(ns.path("configmaps"), **query):
        found.append((event["type"], event["object"]))
        if len(found) == wanted:
            break
    return found


def test_a_watch_tells_of_what_was_added_changed_and_deleted(ns: Namespace) -> None:
    since = ns.get("configmaps").ok()["metadata"]["resourceVersion"]
    ns.create("configmaps", configmap(labels={"contract": "yes"}, colour="red"))
    ns.patch("configmaps", "settings", {"data": {"colour": "red"}}, STRATEGIC).ok()  # changes nothing: no event
    changed = ns.patch("configmaps", "settings", {"data": {"colour": "blue"}}).ok()
    ns.delete("configmaps", "settings").ok()

    found = events(ns, 3, resourceVersion=since, labelSelector="contract")
    assert [kind for kind, _ in found] == ["ADDED", "MODIFIED", "DELETED"]
    assert [thing["data"]["colour"] for _, thing in found] == ["red", "blue", "blue"]
    assert found[1][1]["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    assert {thing["kind"] for _, thing in found} == {"ConfigMap"}
    versions = [int(thing["metadata"]["resourceVersion"]) for _, thing in found]
    assert versions == sorted(set(versions))


def test_a_watch_without_a_version_starts_with_what_is_there(coloured: Namespace) -> None:
    found = events(coloured, 2, labelSelector="colour=red")
    assert {(kind, thing["metadata"]["name"]) for kind, thing in found} == {("ADDED", "one"), ("ADDED", "two")}


def test_a_watch_sees_objects_enter_and_leave_its_selector(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    since = ns.get("configmaps").ok()["metadata"]["resourceVersion"]
    for colour in ("red", "blue"):
        ns.patch("configmaps", "settings", {"metadata": {"labels": {"colour": colour}}}).ok()
    found = events(ns, 2, resourceVersion=since, labelSelector="colour=red")
    assert [kind for kind, _ in found] == ["ADDED", "DELETED"]


def test_a_watch_ends_when_its_time_is_over(ns: Namespace) -> None:
    since = ns.get("secrets").ok()["metadata"]["resourceVersion"]
    query = {"timeoutSeconds": "1", "resourceVersion": since, "labelSelector": "contract=none"}
    assert list(ns.api.watch(ns.path("secrets"), **query)) == []


def test_a_watch_can_follow_one_object(coloured: Namespace) -> None:
    found = events(coloured, 1, fieldSelector="metadata.name=three")
    assert [(kind, thing["metadata"]["name"]) for kind, thing in found] == [("ADDED", "three")]


def test_namespaces_can_be_listed_and_read(ns: Namespace, api: Api) -> None:
    found = api.get(f"/api/v1/namespaces/{ns.name}").ok()
    assert found["status"]["phase"] == "Active"
    names = [item["metadata"]["name"] for item in api.get("/api/v1/namespaces").ok()["items"]]
    assert {"default", ns.name} <= set(names)
