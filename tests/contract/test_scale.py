"""The scale subresource."""

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import deployment, statefulset
from tests.contract.versions import minor


def test_scale_says_what_is_wanted_what_is_there_and_how_to_find_it(ns: Namespace) -> None:
    found = ns.deploy(deployment(replicas=2))
    answer = ns.get("deployments", "web", "scale").ok()
    assert (answer["kind"], answer["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert answer["spec"] == {"replicas": 2}
    assert answer["status"] == {"replicas": 2, "selector": "app=web"}
    for field in ("name", "namespace", "uid", "creationTimestamp"):
        assert answer["metadata"][field] == found["metadata"][field]
    assert answer["metadata"]["resourceVersion"]


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_a_scale_patch_changes_the_replicas_of_the_object(ns: Namespace, how: str) -> None:
    before = ns.settled_deployment()
    answer = ns.patch("deployments", "web", {"spec": {"replicas": 3}}, how, subresource="scale").ok()
    assert (answer["kind"], answer["spec"]["replicas"]) == ("Scale", 3)
    after = ns.rolled_out("web")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert len(ns.wait_names("pods", lambda names: len(names) == 3, "three pods")) == 3


def test_a_scale_to_the_present_number_changes_nothing_but_who_owns_it(ns: Namespace) -> None:
    before = ns.settled_deployment()
    ns.patch("deployments", "web", {"spec": {"replicas": 1}}, subresource="scale").ok()
    after = ns.read("deployments", "web")
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    moved = after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    # Since the scale has managers of its own, it is a write all the same.
    assert moved is (minor(ns.api) >= 22)


@pytest.mark.parametrize("number", [2**31, 99999999999])
def test_more_replicas_than_32_bits_hold_are_refused(ns: Namespace, number: int) -> None:
    """A strategic patch is left out: the API server stores what 32 bits keep of the number."""
    before = ns.deploy(deployment(replicas=0))
    replace = {"op": "replace", "path": "/spec/replicas", "value": number}
    for subresource in ("", "scale"):
        patch = ns.patch("deployments", "web", {"spec": {"replicas": number}}, MERGE, subresource=subresource)
        assert (patch.status, patch.reason) == (422, "Invalid")
        answer = ns.patch("deployments", "web", [replace], JSON_PATCH, subresource=subresource)
        assert (answer.status, answer.reason) == (422, "Invalid")
    scale = ns.read("deployments", "web", "scale")
    scale["spec"]["replicas"] = number
    answer = ns.put("deployments", "web", scale, subresource="scale")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    body = deployment(replicas=0)
    body["spec"]["replicas"] = number
    body["metadata"]["name"] = "larger"
    answer = ns.post("deployments", body)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert ns.read("deployments", "web")["spec"] == before["spec"]


def test_a_scale_can_be_put_with_its_own_resource_version(ns: Namespace) -> None:
    ns.create("deployments", deployment(replicas=0))
    ns.settled("web")
    scale = ns.read("deployments", "web", "scale")
    assert scale["spec"].get("replicas", 0) == 0
    scale["spec"]["replicas"] = 1
    assert ns.put("deployments", "web", scale, subresource="scale").ok()["spec"]["replicas"] == 1
    assert ns.read("deployments", "web")["spec"]["replicas"] == 1


def test_a_scale_put_with_a_stale_resource_version_is_409(ns: Namespace) -> None:
    ns.settled_deployment()
    scale = ns.read("deployments", "web", "scale")
    ns.patch("deployments", "web", {"metadata": {"labels": {"moved": "on"}}}).ok()
    scale["spec"]["replicas"] = 4
    answer = ns.put("deployments", "web", scale, subresource="scale")
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert ns.read("deployments", "web")["spec"]["replicas"] == 1


def test_a_scale_patch_can_test_uid_and_replicas(ns: Namespace) -> None:
    found = ns.settled_deployment()
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
    ]
    assert ns.patch("deployments", "web", operations, JSON_PATCH, subresource="scale").status == 200
    again = ns.patch("deployments", "web", operations, JSON_PATCH, subresource="scale")
    assert (again.status, again.reason) == (422, "Invalid")
    assert ns.read("deployments", "web")["spec"]["replicas"] == 2


def test_a_negative_scale_is_422(ns: Namespace) -> None:
    ns.settled_deployment()
    answer = ns.patch("deployments", "web", {"spec": {"replicas": -1}}, subresource="scale")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.replicas"}


def test_scaling_does_not_make_a_revision(ns: Namespace) -> None:
    ns.settled_deployment()
    sets = ns.names("replicasets")
    ns.patch("deployments", "web", {"spec": {"replicas": 2}}, subresource="scale").ok()
    ns.rolled_out("web")
    assert ns.names("replicasets") == sets


def test_statefulsets_and_replicasets_scale_too(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset(replicas=0))
    ns.patch("statefulsets", "db", {"spec": {"replicas": 2}}, subresource="scale").ok()
    ns.wait("statefulsets", "db", lambda found: found["status"].get("readyReplicas") == 2, "two ready pods")
    assert ns.names("pods") == ["db-0", "db-1"]
    ns.settled_deployment()
    name = ns.names("replicasets")[0]
    assert ns.get("replicasets", name, "scale").ok()["spec"] == {"replicas": 1}


def test_a_replicaset_of_a_deployment_is_scaled_back_by_it(ns: Namespace) -> None:
    ns.settled_deployment()
    name = ns.names("replicasets")[0]
    ns.patch("replicasets", name, {"spec": {"replicas": 4}}, subresource="scale").ok()
    ns.wait("replicasets", name, lambda found: found["spec"]["replicas"] == 1, "one replica again")
