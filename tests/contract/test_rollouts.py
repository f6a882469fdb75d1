"""Deployments from the patch to the last counter: revisions, undo, pause, a bad image."""

from typing import Any

from tests.contract.api import STRATEGIC, wait_for
from tests.contract.namespace import Namespace, complete, condition
from tests.contract.objects import BAD_IMAGE, IMAGE, NEW_IMAGE, container, deployment

REVISION = "deployment.kubernetes.io/revision"


def image(name: str) -> Any:
    return {"spec": {"template": {"spec": {"containers": [container("app", name)]}}}}


def owned_sets(ns: Namespace, found: Any) -> dict[str, Any]:
    """Return the Deployment's ReplicaSets by revision."""
    uid = found["metadata"]["uid"]
    return {
        item["metadata"]["annotations"][REVISION]: item
        for item in ns.items("replicasets")
        if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", []))
    }


def images(ns: Namespace) -> set[str]:
    return {one["spec"]["containers"][0]["image"] for one in ns.items("pods")}


def revision(found: Any) -> str:
    return str(found["metadata"]["annotations"][REVISION])


def test_a_new_deployment_gets_a_replicaset_and_its_pods(ns: Namespace) -> None:
    found = ns.deploy(deployment(replicas=2))
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert (found["status"]["replicas"], found["status"]["readyReplicas"]) == (2, 2)
    assert revision(found) == "1"
    owned = owned_sets(ns, found)["1"]
    assert owned["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": found["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert owned["spec"]["replicas"] == 2
    for one in ns.items("pods"):
        assert one["metadata"]["name"].startswith(owned["metadata"]["name"] + "-")
        assert one["metadata"]["generateName"] == owned["metadata"]["name"] + "-"
        owner = one["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["uid"]) == ("ReplicaSet", owned["metadata"]["uid"])
        assert one["spec"]["nodeName"]


def test_the_template_hash_names_the_replicaset_and_labels_everything(ns: Namespace) -> None:
    found = ns.deploy(deployment())
    owned = owned_sets(ns, found)["1"]
    name = owned["metadata"]["name"]
    mark = name.removeprefix("web-")
    wanted = {"app": "web", "pod-template-hash": mark}
    assert owned["metadata"]["labels"] == wanted
    assert owned["spec"]["selector"]["matchLabels"] == wanted
    assert owned["spec"]["template"]["metadata"]["labels"] == wanted
    assert [one["metadata"]["labels"] for one in ns.items("pods")] == [wanted]
    assert "pod-template-hash" not in found["spec"]["template"]["metadata"]["labels"]


def test_a_rollout_ends_with_new_pods_only(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=2))
    before = set(ns.names("pods"))
    patched = ns.patch("deployments", "web", image(NEW_IMAGE), STRATEGIC).ok()
    found = ns.rolled_out("web")
    assert found["status"]["observedGeneration"] >= patched["metadata"]["generation"]
    ns.wait_names("pods", lambda names: len(names) == 2 and not before & set(names), "new pods only")
    assert images(ns) == {NEW_IMAGE}
    assert revision(ns.settled("web")) == "2"
    sets = owned_sets(ns, found)
    assert sorted(sets) == ["1", "2"]
    assert (sets["1"]["spec"]["replicas"], sets["2"]["spec"]["replicas"]) == (0, 2)


def test_the_conditions_say_available_and_why(ns: Namespace) -> None:
    found = ns.settled_deployment()
    available, progressing = condition(found, "Available"), condition(found, "Progressing")
    assert (available["status"], available["reason"]) == ("True", "MinimumReplicasAvailable")
    assert (progressing["status"], progressing["reason"]) == ("True", "NewReplicaSetAvailable")


def test_an_old_template_brings_back_its_replicaset_under_a_new_revision(ns: Namespace) -> None:
    found = ns.deploy(deployment())
    first = owned_sets(ns, found)["1"]
    ns.patch("deployments", "web", image(NEW_IMAGE), STRATEGIC).ok()
    ns.rolled_out("web")

    template = first["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    ns.json_patch("deployments", "web", {"op": "replace", "path": "/spec/template", "value": template}).ok()
    found = ns.settled("web")

    assert revision(found) == "3"
    sets = owned_sets(ns, found)
    assert sorted(sets) == ["2", "3"]
    assert sets["3"]["metadata"]["uid"] == first["metadata"]["uid"]
    ns.wait_names("pods", lambda names: len(names) == 1, "one pod")
    assert images(ns) == {IMAGE}


def test_a_revision_that_came_back_remembers_its_former_numbers(ns: Namespace) -> None:
    ns.deploy(deployment())
    for name in (NEW_IMAGE, IMAGE):
        ns.patch("deployments", "web", image(name), STRATEGIC).ok()
        found = ns.rolled_out("web")
    annotations = owned_sets(ns, found)["3"]["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"


def test_only_as_many_old_replicasets_stay_as_the_history_limit_says(ns: Namespace) -> None:
    ns.deploy(deployment(revisionHistoryLimit=1))
    for number in range(3):
        body = {"spec": {"template": {"metadata": {"annotations": {"round": str(number)}}}}}
        ns.patch("deployments", "web", body).ok()
        ns.rolled_out("web")
    wait_for(
        lambda: sorted(owned_sets(ns, ns.read("deployments", "web"))),
        # Which of the old ones stays is not defined when they were made within the same second.
        lambda revisions: len(revisions) == 2 and "4" in revisions,
        what="the older ReplicaSets to be removed",
    )


def test_a_paused_deployment_does_not_roll_out(ns: Namespace) -> None:
    ns.deploy(deployment())
    before = ns.names("pods")
    ns.patch("deployments", "web", {"spec": {"paused": True}}).ok()
    changed = ns.patch("deployments", "web", image(NEW_IMAGE), STRATEGIC).ok()
    generation = changed["metadata"]["generation"]
    found = ns.wait(
        "deployments",
        "web",
        lambda found: (
            found["status"]["observedGeneration"] >= generation
            and condition(found, "Progressing").get("reason") == "DeploymentPaused"
        ),
        "the controller to have seen the change",
    )
    assert len(owned_sets(ns, found)) == 1
    assert ns.names("pods") == before
    assert found["status"].get("updatedReplicas", 0) == 0

    ns.patch("deployments", "web", {"spec": {"paused": False}}).ok()
    ns.rolled_out("web")
    wait_for(lambda: images(ns), lambda found: found == {NEW_IMAGE}, what="the new image after resuming")


def test_a_paused_deployment_still_scales(ns: Namespace) -> None:
    ns.deploy(deployment())
    ns.patch("deployments", "web", {"spec": {"paused": True}}).ok()
    ns.patch("deployments", "web", {"spec": {"replicas": 3}}, subresource="scale").ok()
    ns.wait("deployments", "web", lambda found: found["status"].get("availableReplicas") == 3, "three pods")


def test_a_bad_image_ends_in_progress_deadline_exceeded_and_the_old_pods_stay(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=2, progressDeadlineSeconds=2))
    old = set(ns.names("pods"))
    ns.patch("deployments", "web", image(BAD_IMAGE), STRATEGIC).ok()
    found = ns.wait(
        "deployments",
        "web",
        lambda found: condition(found, "Progressing").get("reason") == "ProgressDeadlineExceeded",
        "the progress deadline to pass",
    )
    assert condition(found, "Progressing")["status"] == "False"
    assert condition(found, "Available")["status"] == "True"
    assert found["status"]["availableReplicas"] == 2
    assert found["status"]["updatedReplicas"] == 1
    assert found["status"]["unavailableReplicas"] == 1
    assert not complete(found)
    pods = {one["metadata"]["name"]: one for one in ns.items("pods")}
    assert old < set(pods)
    (new,) = set(pods) - old
    waiting = pods[new]["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
    assert waiting in ("ErrImagePull", "ImagePullBackOff")
    assert pods[new]["status"]["phase"] == "Pending"


def test_a_bad_image_is_healed_by_the_old_template(ns: Namespace) -> None:
    ns.deploy(deployment(progressDeadlineSeconds=2))
    old = ns.names("pods")
    ns.patch("deployments", "web", image(BAD_IMAGE), STRATEGIC).ok()
    ns.wait_names("pods", lambda names: len(names) == 2, "the bad pod beside the old one")
    ns.patch("deployments", "web", image(IMAGE), STRATEGIC).ok()
    assert revision(ns.settled("web")) == "3"
    assert ns.wait_names("pods", lambda names: len(names) == 1, "the bad pod to go") == old


def test_recreate_ends_the_old_pods_first(ns: Namespace) -> None:
    ns.deploy(deployment(strategy={"type": "Recreate"}))
    old = set(ns.names("pods"))
    ns.patch("deployments", "web", image(BAD_IMAGE), STRATEGIC).ok()
    ns.wait_names("pods", lambda names: len(names) == 1 and not old & set(names), "the old pod to be replaced")


def test_a_deleted_pod_is_replaced_under_another_name_and_uid(ns: Namespace) -> None:
    ns.deploy(deployment())
    before = ns.items("pods")[0]["metadata"]
    ns.delete("pods", before["name"], {"preconditions": {"uid": before["uid"]}}).ok()
    ns.wait_names("pods", lambda names: len(names) == 1 and names != [before["name"]], "a replacement")
    ns.rolled_out("web")
    assert ns.items("pods")[0]["metadata"]["uid"] != before["uid"]


def test_scaling_to_zero_removes_every_pod(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=2))
    ns.patch("deployments", "web", {"spec": {"replicas": 0}}, subresource="scale").ok()
    ns.wait_names("pods", lambda names: not names, "every pod to go")
    found = ns.rolled_out("web")
    assert "replicas" not in found["status"] or found["status"]["replicas"] == 0
