"""Nodes and pods: cordon, what runs where, logs of what cannot run."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.api import MERGE, STRATEGIC, Api, wait_for
from tests.contract.namespace import Namespace, condition
from tests.contract.objects import BAD_IMAGE, container, deployment, pod


@pytest.fixture
def node(api: Api) -> Iterator[str]:
    """A node of the probe's own that no kubelet serves: nothing else can be disturbed."""
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"generateName": "contract-"}}
    name = api.request("POST", "/api/v1/nodes", body).ok()["metadata"]["name"]
    yield str(name)
    api.request("DELETE", f"/api/v1/nodes/{name}")


def patch(api: Api, node: str, body: Any, how: str = MERGE) -> Any:
    return api.request("PATCH", f"/api/v1/nodes/{node}", body, content_type=how).ok()


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_cordon_twice_is_cordon_once(api: Api, node: str, how: str) -> None:
    assert patch(api, node, {"spec": {"unschedulable": True}}, how)["spec"]["unschedulable"] is True

    def again() -> tuple[str, str]:
        before = api.get(f"/api/v1/nodes/{node}").ok()
        after = patch(api, node, {"spec": {"unschedulable": True}}, how)
        return before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]

    # A node lifecycle controller adds a taint to a cordoned node, which may come in between.
    wait_for(again, lambda versions: versions[0] == versions[1], what="a cordon that changes nothing")


@pytest.mark.parametrize("value", [False, None])
def test_uncordon_leaves_no_trace_of_the_field(api: Api, node: str, value: bool | None) -> None:
    patch(api, node, {"spec": {"unschedulable": True}})
    patch(api, node, {"spec": {"unschedulable": value}})
    assert "unschedulable" not in api.get(f"/api/v1/nodes/{node}").ok()["spec"]


def test_a_cordon_can_be_tested_for(api: Api, node: str) -> None:
    uid = api.get(f"/api/v1/nodes/{node}").ok()["metadata"]["uid"]
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/unschedulable", "value": None},
        {"op": "add", "path": "/spec/unschedulable", "value": True},
    ]
    how = "application/json-patch+json"
    assert patch(api, node, operations, how)["spec"]["unschedulable"] is True
    again = api.request("PATCH", f"/api/v1/nodes/{node}", operations, content_type=how)
    assert again.status == 422


def test_a_dry_cordon_changes_nothing(api: Api, node: str) -> None:
    before = api.get(f"/api/v1/nodes/{node}").ok()
    answer = api.request(
        "PATCH",
        f"/api/v1/nodes/{node}",
        {"spec": {"unschedulable": True}},
        query={"dryRun": "All"},
        content_type=MERGE,
    )
    assert answer.ok()["spec"]["unschedulable"] is True
    assert "unschedulable" not in api.get(f"/api/v1/nodes/{node}").ok()["spec"]
    assert api.get(f"/api/v1/nodes/{node}").ok()["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_missing_node_is_404(api: Api) -> None:
    answer = api.request("PATCH", "/api/v1/nodes/ghost", {"spec": {"unschedulable": True}}, content_type=MERGE)
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.body["details"] == {"name": "ghost", "kind": "nodes"}


def scheduled_by_a_scheduler(ns: Namespace) -> bool:
    """Is there a scheduler? A stand-in that binds every pod to its one node puts up with impossible demands."""
    ns.create_pod(pod("probe", nodeSelector={"contract": "no-such-node"}))
    ns.create_pod(pod("canary"))
    ns.wait("pods", "canary", lambda found: found["spec"].get("nodeName"), "to be bound")
    found = ns.wait(
        "pods",
        "probe",
        lambda found: (
            found["spec"].get("nodeName") or condition(found, "PodScheduled").get("reason") == "Unschedulable"
        ),
        "an answer to an impossible demand",
    )
    return not found["spec"].get("nodeName")


def test_cordoned_nodes_keep_their_pods_and_get_no_new_ones(ns: Namespace, api: Api) -> None:
    """The one probe that touches what is not its own: it cordons a node for as long as it takes."""
    if not scheduled_by_a_scheduler(ns):
        pytest.skip("this control plane has no scheduler")
    ns.create_pod(pod())
    before = ns.wait("pods", "alone", lambda found: found["status"]["phase"] == "Running", "to run")
    node = before["spec"]["nodeName"]
    if api.get(f"/api/v1/nodes/{node}").ok()["spec"].get("unschedulable"):
        pytest.skip("somebody else cordoned the node")
    patch(api, node, {"spec": {"unschedulable": True}})
    try:
        ns.create_pod(pod("late", nodeSelector={"kubernetes.io/hostname": node}))
        found = ns.wait(
            "pods",
            "late",
            lambda found: condition(found, "PodScheduled").get("reason") == "Unschedulable",
            "to find no node",
        )
        assert found["status"]["phase"] == "Pending"
        assert "nodeName" not in found["spec"]
        after = ns.read("pods", "alone")
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "deletionTimestamp" not in after["metadata"]
    finally:
        patch(api, node, {"spec": {"unschedulable": None}})
    ns.wait("pods", "late", lambda found: found["spec"].get("nodeName") == node, "a node after the uncordon")


def test_a_running_pod_is_ready_and_says_where(ns: Namespace) -> None:
    ns.create_pod(pod())
    found = ns.wait("pods", "alone", lambda one: condition(one, "Ready").get("status") == "True", "to be ready")
    assert found["status"]["phase"] == "Running"
    (status,) = found["status"]["containerStatuses"]
    assert (status["name"], status["ready"], status["restartCount"]) == ("app", True, 0)
    assert status["state"]["running"]["startedAt"]
    assert found["status"]["podIP"]


def test_a_pod_whose_image_cannot_be_pulled_is_pending_and_says_why(ns: Namespace) -> None:
    body = pod()
    body["spec"]["containers"] = [container(image=BAD_IMAGE)]
    ns.create_pod(body)
    found = ns.wait("pods", "alone", lambda one: one["status"].get("containerStatuses"), "a container status")
    waiting = ns.wait(
        "pods",
        "alone",
        lambda one: (
            one["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
            in ("ErrImagePull", "ImagePullBackOff")
        ),
        "the pull to fail",
    )
    assert found["status"]["phase"] == waiting["status"]["phase"] == "Pending"
    assert waiting["status"]["containerStatuses"][0]["ready"] is False


def test_a_pods_labels_can_be_changed_and_its_node_cannot(ns: Namespace) -> None:
    ns.create_pod(pod())
    ns.wait("pods", "alone", lambda one: one["spec"].get("nodeName"), "to be bound")
    ns.patch("pods", "alone", {"metadata": {"labels": {"team": "blue"}}}).ok()
    answer = ns.patch("pods", "alone", {"spec": {"nodeName": "elsewhere"}})
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_a_pod_that_leaves_the_selector_is_released_and_replaced(ns: Namespace) -> None:
    ns.deploy(deployment())
    (name,) = ns.names("pods")
    ns.patch("pods", name, {"metadata": {"labels": {"app": "debug"}}}).ok()
    ns.wait("pods", name, lambda found: not found["metadata"].get("ownerReferences"), "to have no owner")
    ns.wait_names("pods", lambda names: len(names) == 1 and names != [name], "a replacement", labelSelector="app=web")
    assert ns.get("pods", name).status == 200
