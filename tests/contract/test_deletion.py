"""Deletion: what is answered, what goes with it, what stays."""

from typing import Any

import pytest

from tests.contract.api import Api, wait_for
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, deployment, job, pod


def test_a_delete_of_an_object_without_dependants_is_done_at_once(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    answer = ns.delete("configmaps", "settings")
    assert answer.status == 200
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert answer.body["details"] == {
        "name": "settings",
        "kind": "configmaps",
        "uid": found["metadata"]["uid"],
    }
    assert ns.get("configmaps", "settings").status == 404
    assert ns.delete("configmaps", "settings").status == 404


def test_a_pod_with_a_grace_period_is_marked_first(ns: Namespace) -> None:
    ns.create_pod(pod(terminationGracePeriodSeconds=30))
    ns.wait("pods", "alone", lambda found: found["status"]["phase"] == "Running", "to run")
    answer = ns.delete("pods", "alone", {"gracePeriodSeconds": 1})
    assert answer.status == 200
    assert answer.body["kind"] == "Pod"
    assert answer.body["metadata"]["deletionTimestamp"]
    assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 1
    ns.wait_gone("pods", "alone")


def test_a_pod_deleted_with_grace_zero_is_gone_at_once(ns: Namespace) -> None:
    ns.create_pod(pod())
    assert ns.delete("pods", "alone", {"gracePeriodSeconds": 0}).status == 200
    assert ns.get("pods", "alone").status == 404


@pytest.mark.parametrize("policy", [None, "Background", "Foreground"])
def test_deleting_a_deployment_removes_its_replicasets_and_pods(ns: Namespace, policy: str | None) -> None:
    ns.deploy(deployment(replicas=2))
    answer = ns.delete("deployments", "web", {"propagationPolicy": policy} if policy else None)
    assert answer.status == 200
    if policy == "Foreground":
        assert answer.body["kind"] == "Deployment"
        assert answer.body["metadata"]["deletionTimestamp"]
        assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    ns.wait_gone("deployments", "web")
    ns.wait_names("replicasets", lambda names: not names, "the ReplicaSets to go")
    ns.wait_names("pods", lambda names: not names, "the pods to go")


def test_an_orphaning_delete_keeps_replicaset_and_pods(ns: Namespace) -> None:
    ns.deploy(deployment())
    sets, pods = ns.names("replicasets"), ns.names("pods")
    assert ns.delete("deployments", "web", {"propagationPolicy": "Orphan"}).status == 200
    ns.wait_gone("deployments", "web")
    found = ns.wait(
        "replicasets", sets[0], lambda found: not found["metadata"].get("ownerReferences"), "to have no owner"
    )
    assert found["spec"]["replicas"] == 1
    assert (ns.names("replicasets"), ns.names("pods")) == (sets, pods)


def test_the_propagation_policy_may_stand_in_the_query(ns: Namespace) -> None:
    created = ns.create("jobs", job())
    wait_for(lambda: ns.items("pods"), lambda pods: len(pods) == 1, what="the job's pod")
    options = {"propagationPolicy": "Background", "preconditions": {"uid": created["metadata"]["uid"]}}
    assert ns.delete("jobs", "once", options).status == 200
    ns.wait_gone("jobs", "once")
    ns.wait_names("pods", lambda names: not names, "the job's pod to go")


def test_an_object_whose_owner_does_not_exist_is_collected(ns: Namespace) -> None:
    owner = ns.create("configmaps", configmap("owner"))["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    owned = configmap("owned")
    owned["metadata"]["ownerReferences"] = [reference]
    ns.create("configmaps", owned)
    ns.delete("configmaps", "owner").ok()
    ns.wait_gone("configmaps", "owned")


def test_a_finalizer_holds_an_object_until_it_is_taken_away(ns: Namespace) -> None:
    body = configmap()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    ns.create("configmaps", body)
    answer = ns.delete("configmaps", "settings")
    assert answer.status == 200
    assert answer.body["metadata"]["deletionTimestamp"]
    assert ns.read("configmaps", "settings")["metadata"]["deletionTimestamp"]
    ns.patch("configmaps", "settings", {"metadata": {"finalizers": None}}).ok()
    ns.wait_gone("configmaps", "settings")


def test_a_recreated_object_has_another_uid(ns: Namespace) -> None:
    before = ns.create("configmaps", configmap())
    ns.delete("configmaps", "settings").ok()
    assert ns.create("configmaps", configmap())["metadata"]["uid"] != before["metadata"]["uid"]


def test_deleting_a_collection_heeds_the_selector(ns: Namespace) -> None:
    for name, colour in (("one", "red"), ("two", "red"), ("three", "blue")):
        ns.create("configmaps", configmap(name, labels={"colour": colour}))
    answer = ns.api.request("DELETE", ns.path("configmaps"), query={"labelSelector": "colour=red"})
    assert answer.status == 200
    assert ns.names("configmaps", labelSelector="colour") == ["three"]


def test_deleting_a_namespace_removes_what_is_in_it(ns: Namespace, api: Api) -> None:
    ns.create("configmaps", configmap())
    ns.deploy(deployment())
    answer = api.request("DELETE", f"/api/v1/namespaces/{ns.name}")
    assert answer.status in (200, 202), answer
    assert answer.body["status"]["phase"] == "Terminating"
    wait_for(
        lambda: api.get(f"/api/v1/namespaces/{ns.name}").status,
        lambda status: status == 404,
        what="the namespace to be gone",
        seconds=60,
    )
    assert ns.get("configmaps", "settings").status == 404
    assert ns.names("pods") == []


def test_a_terminating_namespace_takes_nothing_new(ns: Namespace, api: Api) -> None:
    held: Any = configmap()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    ns.create("configmaps", held)
    api.request("DELETE", f"/api/v1/namespaces/{ns.name}").ok()
    answer = wait_for(
        lambda: ns.post("configmaps", configmap("late"), dryRun="All"),
        lambda answer: answer.status != 201,
        what="the namespace to refuse",
    )
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    ns.patch("configmaps", "settings", {"metadata": {"finalizers": None}}).ok()


def held_pod() -> Any:
    body = pod(terminationGracePeriodSeconds=1)
    body["metadata"]["finalizers"] = ["example.com/hold"]
    return body


def test_a_forced_deletion_does_not_pass_a_finalizer(ns: Namespace) -> None:
    created = ns.create_pod(held_pod())
    answer = ns.delete("pods", "alone", {"gracePeriodSeconds": 0})
    assert (answer.status, answer.body["kind"]) == (200, "Pod")
    found = ns.read("pods", "alone")["metadata"]
    assert found["uid"] == created["metadata"]["uid"]
    assert found["deletionTimestamp"]
    assert found["deletionGracePeriodSeconds"] == 0
    assert found["finalizers"] == ["example.com/hold"]
    ns.patch("pods", "alone", {"metadata": {"finalizers": None}}).ok()
    assert ns.get("pods", "alone").status == 404


def test_a_held_object_is_gone_with_its_last_finalizer(ns: Namespace) -> None:
    body = deployment(replicas=0)
    body["metadata"]["finalizers"] = ["example.com/one", "example.com/two"]
    ns.create("deployments", body)
    ns.delete("deployments", "web").ok()
    ns.patch("deployments", "web", {"metadata": {"finalizers": ["example.com/two"]}}).ok()
    found = ns.read("deployments", "web")["metadata"]
    assert (found["finalizers"], bool(found["deletionTimestamp"])) == (["example.com/two"], True)
    answer = ns.json_patch("deployments", "web", {"op": "remove", "path": "/metadata/finalizers"})
    assert answer.status == 200
    assert ns.get("deployments", "web").status == 404


def test_a_held_object_takes_no_new_finalizer_and_ends_once(ns: Namespace) -> None:
    body = configmap()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    ns.create("configmaps", body)
    first = ns.delete("configmaps", "settings").ok()["metadata"]
    answer = ns.patch("configmaps", "settings", {"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"metadata.finalizers"}
    again = ns.delete("configmaps", "settings").ok()["metadata"]
    assert again["deletionTimestamp"] == first["deletionTimestamp"]
    ns.patch("configmaps", "settings", {"metadata": {"finalizers": None}}).ok()
    assert ns.get("configmaps", "settings").status == 404
