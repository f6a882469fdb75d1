"""StatefulSets, DaemonSets and Jobs."""

from typing import Any

from tests.contract.api import STRATEGIC, wait_for
from tests.contract.namespace import Namespace, condition
from tests.contract.objects import IMAGE, NEW_IMAGE, container, daemonset, job, statefulset


def image(name: str) -> Any:
    return {"spec": {"template": {"spec": {"containers": [container("app", name)]}}}}


def images(ns: Namespace) -> dict[str, str]:
    return {one["metadata"]["name"]: one["spec"]["containers"][0]["image"] for one in ns.items("pods")}


def stateful_done(found: Any) -> bool:
    status = found.get("status", {})
    return (
        status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        and status.get("readyReplicas", 0) == found["spec"]["replicas"]
        and status["updateRevision"] == status["currentRevision"]
    )


def daemon_done(found: Any) -> bool:
    status = found.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    return (
        status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        and wanted > 0
        and status.get("updatedNumberScheduled", 0) == wanted
        and status.get("numberAvailable", 0) == wanted
    )


def test_a_statefulset_numbers_its_pods(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset())
    found = ns.wait("statefulsets", "db", stateful_done, "two ready pods")
    assert ns.names("pods") == ["db-0", "db-1"]
    for one in ns.items("pods"):
        labels = one["metadata"]["labels"]
        assert labels["statefulset.kubernetes.io/pod-name"] == one["metadata"]["name"]
        assert labels["controller-revision-hash"] == found["status"]["currentRevision"]
        assert one["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]


def test_a_statefulset_rolls_out_under_the_same_names(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset())
    before = ns.wait("statefulsets", "db", stateful_done, "two ready pods")
    ns.patch("statefulsets", "db", image(NEW_IMAGE), STRATEGIC).ok()
    after = ns.wait("statefulsets", "db", stateful_done, "rollout to complete")
    assert after["status"]["updateRevision"] != before["status"]["updateRevision"]
    assert images(ns) == {"db-0": NEW_IMAGE, "db-1": NEW_IMAGE}


def test_a_partition_keeps_the_lower_pods(ns: Namespace) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    ns.create("statefulsets", statefulset(updateStrategy=strategy))
    ns.wait("statefulsets", "db", stateful_done, "two ready pods")
    ns.patch("statefulsets", "db", image(NEW_IMAGE), STRATEGIC).ok()
    ns.wait(
        "statefulsets",
        "db",
        lambda found: (
            found["status"].get("updatedReplicas") == 1
            and found["status"].get("readyReplicas") == 2
            and found["status"]["observedGeneration"] == found["metadata"]["generation"]
        ),
        "one updated pod",
    )
    assert images(ns) == {"db-0": IMAGE, "db-1": NEW_IMAGE}


def test_a_statefulset_keeps_its_revisions_as_controllerrevisions(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset(replicas=1))
    ns.wait("statefulsets", "db", stateful_done, "a ready pod")
    ns.patch("statefulsets", "db", image(NEW_IMAGE), STRATEGIC).ok()
    found = ns.wait(
        "statefulsets",
        "db",
        lambda found: stateful_done(found) and images(ns) == {"db-0": NEW_IMAGE},
        "rollout to complete",
    )
    revisions = {one["revision"]: one for one in ns.items("controllerrevisions")}
    assert sorted(revisions) == [1, 2]
    assert revisions[2]["metadata"]["name"] == found["status"]["updateRevision"]
    containers = [one["data"]["spec"]["template"]["spec"]["containers"][0] for one in revisions.values()]
    assert {one["image"] for one in containers} == {IMAGE, NEW_IMAGE}


def test_the_same_statefulset_restart_twice_changes_nothing(ns: Namespace) -> None:
    ns.create("statefulsets", statefulset(replicas=1))
    ns.wait("statefulsets", "db", stateful_done, "a ready pod")
    body = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "2024-05-01T10:00:00Z"}}}}}
    ns.patch("statefulsets", "db", body, STRATEGIC).ok()
    before = ns.wait("statefulsets", "db", stateful_done, "rollout to complete")
    after = ns.patch("statefulsets", "db", body, STRATEGIC).ok()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert len(ns.items("controllerrevisions")) == 2


def test_a_daemonset_runs_on_nodes_and_rolls_out(ns: Namespace) -> None:
    ns.create("daemonsets", daemonset())
    before = ns.wait("daemonsets", "agent", daemon_done, "to run")
    assert len(ns.names("pods")) == before["status"]["desiredNumberScheduled"]
    ns.patch("daemonsets", "agent", image(NEW_IMAGE), STRATEGIC).ok()
    after = ns.wait("daemonsets", "agent", daemon_done, "rollout to complete")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    wait_for(lambda: set(images(ns).values()), lambda found: found == {NEW_IMAGE}, what="new pods only")
    owner = ns.items("pods")[0]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("DaemonSet", after["metadata"]["uid"])


def test_a_job_is_complete_when_its_pod_has_succeeded(ns: Namespace) -> None:
    created = ns.create("jobs", job())
    wait_for(lambda: ns.items("pods"), lambda pods: len(pods) == 1, what="the job's pod")
    one = ns.items("pods")[0]
    assert one["metadata"]["labels"]["job-name"] == "once"
    assert one["metadata"]["ownerReferences"][0]["uid"] == created["metadata"]["uid"]
    # Not every stand-in for a kubelet ends containers, so the probe says that the pod has ended.
    ns.patch("pods", one["metadata"]["name"], {"status": {"phase": "Succeeded"}}, subresource="status").ok()
    found = ns.wait("jobs", "once", lambda found: found.get("status", {}).get("succeeded") == 1, "to succeed")
    assert condition(found, "Complete")["status"] == "True"
    assert found["status"]["completionTime"]
    assert len(ns.names("pods")) == 1


def test_a_jobs_template_cannot_be_changed(ns: Namespace) -> None:
    ns.create("jobs", job())
    answer = ns.patch("jobs", "once", image(NEW_IMAGE), STRATEGIC)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.template"}
