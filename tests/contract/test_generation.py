"""What counts as a change: resourceVersion, generation, revision and the ReplicaSets."""

from typing import Any

from tests.contract.api import MERGE, STRATEGIC, Api
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, deployment

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
REVISION = "deployment.kubernetes.io/revision"


def restart(at: str) -> Any:
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}}


def generation(found: Any) -> int:
    return int(found["metadata"]["generation"])


def version(found: Any) -> str:
    return str(found["metadata"]["resourceVersion"])


def test_the_same_restart_twice_changes_nothing_the_second_time(ns: Namespace) -> None:
    ns.deploy(deployment())
    at = "2024-05-01T10:00:00Z"
    ns.patch("deployments", "web", restart(at), STRATEGIC, fieldManager="one").ok()
    before = ns.settled("web")
    sets = ns.names("replicasets")
    assert len(sets) == 2
    assert before["metadata"]["annotations"][REVISION] == "2"

    answer = ns.patch("deployments", "web", restart(at), STRATEGIC, fieldManager="one").ok()
    assert version(answer) == version(before)
    assert generation(answer) == generation(before)
    assert ns.patch("deployments", "web", restart(at), STRATEGIC, fieldManager="one").ok() == before
    assert ns.read("deployments", "web")["metadata"]["annotations"][REVISION] == "2"
    assert ns.names("replicasets") == sets


def test_another_restart_is_another_revision(ns: Namespace) -> None:
    ns.deploy(deployment())
    ns.patch("deployments", "web", restart("2024-05-01T10:00:00Z"), STRATEGIC).ok()
    ns.rolled_out("web")
    ns.patch("deployments", "web", restart("2024-05-01T11:00:00Z"), STRATEGIC).ok()
    assert ns.settled("web")["metadata"]["annotations"][REVISION] == "3"
    assert len(ns.names("replicasets")) == 3


def test_an_empty_patch_changes_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    for how in (MERGE, STRATEGIC):
        assert ns.patch("configmaps", "settings", {}, how).ok() == found


def test_a_patch_to_the_present_value_changes_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    ns.patch("configmaps", "settings", {"data": {"colour": "red"}}).ok()
    ns.json_patch("configmaps", "settings", {"op": "replace", "path": "/data/colour", "value": "red"}).ok()
    assert version(ns.read("configmaps", "settings")) == version(found)


def test_a_put_of_what_was_read_changes_nothing(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    assert version(ns.put("configmaps", "settings", found).ok()) == version(found)


def test_a_change_there_and_back_is_two_changes(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    ns.patch("configmaps", "settings", {"data": {"colour": "blue"}}).ok()
    back = ns.patch("configmaps", "settings", {"data": {"colour": "red"}}).ok()
    assert version(back) != version(found)


def test_a_new_object_starts_at_generation_one(ns: Namespace) -> None:
    assert generation(ns.create("deployments", deployment())) == 1


def test_a_change_of_the_spec_raises_the_generation(ns: Namespace) -> None:
    before = ns.deploy(deployment())
    assert generation(ns.patch("deployments", "web", {"spec": {"minReadySeconds": 0}}).ok()) == generation(before)
    after = ns.patch("deployments", "web", {"spec": {"revisionHistoryLimit": 3}}).ok()
    assert generation(after) == generation(before) + 1


def test_an_annotation_of_a_deployment_raises_its_generation(ns: Namespace) -> None:
    before = ns.settled_deployment()
    after = ns.patch("deployments", "web", {"metadata": {"annotations": {"note": "x"}}}).ok()
    assert generation(after) == generation(before) + 1
    ns.wait(
        "deployments", "web", lambda found: found["status"]["observedGeneration"] == generation(after), "observed"
    )


def test_an_annotation_of_another_workload_leaves_its_generation(ns: Namespace) -> None:
    ns.settled_deployment()
    name = ns.names("replicasets")[0]
    before = ns.read("replicasets", name)
    after = ns.patch("replicasets", name, {"metadata": {"annotations": {"note": "x"}}}).ok()
    assert generation(after) == generation(before)
    assert version(after) != version(before)


def test_a_label_leaves_the_generation_and_changes_the_version(ns: Namespace) -> None:
    before = ns.settled_deployment()
    after = ns.patch("deployments", "web", {"metadata": {"labels": {"team": "blue"}}}).ok()
    assert generation(after) == generation(before)
    assert version(after) != version(before)


def test_a_status_write_leaves_the_generation_and_changes_the_version(ns: Namespace) -> None:
    before = ns.settled_deployment()
    note = {"type": "Contract", "status": "True", "lastUpdateTime": None, "lastTransitionTime": None}
    body = {"status": {"conditions": [note]}}
    after = ns.patch("deployments", "web", body, STRATEGIC, subresource="status").ok()
    assert generation(after) == generation(before)
    assert version(after) != version(before)


def test_a_status_in_an_ordinary_patch_is_ignored(ns: Namespace) -> None:
    before = ns.settled_deployment()
    after = ns.patch("deployments", "web", {"status": {"replicas": 77}}).ok()
    assert after["status"] == before["status"]
    assert generation(after) == generation(before)


def test_a_spec_in_a_status_patch_is_ignored(ns: Namespace) -> None:
    before = ns.settled_deployment()
    after = ns.patch("deployments", "web", {"spec": {"replicas": 5}}, subresource="status").ok()
    assert after["spec"] == before["spec"]
    assert generation(after) == generation(before)


def test_the_server_owns_generation_uid_and_creation_time(ns: Namespace) -> None:
    before = ns.settled_deployment()
    after = ns.patch(
        "deployments", "web", {"metadata": {"generation": 70, "creationTimestamp": "2001-01-01T00:00:00Z"}}
    ).ok()
    assert generation(after) == generation(before)
    assert after["metadata"]["creationTimestamp"] == before["metadata"]["creationTimestamp"]


def test_resource_versions_rise_across_objects(ns: Namespace, api: Api) -> None:
    first = ns.create("configmaps", configmap("one"))
    second = ns.create("configmaps", configmap("two"))
    assert int(version(second)) > int(version(first))
    assert int(ns.get("configmaps").ok()["metadata"]["resourceVersion"]) >= int(version(second))
