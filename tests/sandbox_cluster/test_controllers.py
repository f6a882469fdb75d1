"""The sandbox's controllers: from a spec to pods and status, and then nothing more."""

import asyncio
from typing import Any

import pytest

from countersign.sandbox.cluster.seed import apply_manifests, default_manifests
from tests.sandbox_cluster.bench import NAMESPACE, Bench, condition, running, workload

DEPLOYMENTS, SETS, STATEFUL, DAEMONS = "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"
BUDGETS, REVISIONS = "poddisruptionbudgets.policy", "controllerrevisions.apps"
REVISION = "deployment.kubernetes.io/revision"


def numbers(bench: Bench) -> dict[str, int]:
    """Revision of each ReplicaSet by its image."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: int(each["metadata"]["annotations"][REVISION])
        for each in bench.items(SETS)
    }


def is_ready(pod: Any) -> bool:
    return bool(condition(pod, "Ready").get("status") == "True")


# --- Deployments -------------------------------------------------------------------------------------


def test_a_deployment_becomes_a_replica_set_and_its_pods() -> None:
    async def scenario(bench: Bench) -> None:
        found = await bench.rolled_out()
        (one,) = bench.items(SETS)
        digest = one["metadata"]["labels"]["pod-template-hash"]
        assert one["metadata"]["name"] == f"api-{digest}"
        assert one["spec"]["selector"]["matchLabels"] == {"app": "api", "pod-template-hash": digest}
        assert one["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] == "3"
        owner = one["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"]) == (found["metadata"]["uid"], True)
        for pod in bench.pods("api"):
            assert pod["metadata"]["name"].startswith(f"api-{digest}-")
            assert pod["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]
            (status,) = pod["status"]["containerStatuses"]
            assert (status["ready"], status["started"], status["restartCount"]) == (True, True, 0)
            assert status["image"] == "shop/api:1"
        assert found["metadata"]["annotations"][REVISION] == "1"
        assert found["metadata"]["generation"] == 1, "the revision is no change of the spec"
        assert condition(found, "Available")["status"] == "True"
        assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"

    running(scenario, workload())


def test_controllers_rest_when_nothing_changes() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        await bench.manager.idle()
        before = bench.store.version
        for resource in (DEPLOYMENTS, SETS, STATEFUL, DAEMONS, BUDGETS, "pods", "jobs.batch"):
            bench.manager._enqueue_all(resource, None)
        await bench.manager.idle()
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.store.version == before

    running(
        scenario,
        workload(),
        workload("StatefulSet", "db"),
        workload("DaemonSet", "agent"),
        job(),
        budget("api", minAvailable=1),
    )


def test_a_rolling_update_keeps_within_its_limits() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        worst = {"most": 0, "least": 99}

        def watch(_: object) -> None:
            active = [pod for pod in bench.pods("api") if "deletionTimestamp" not in pod["metadata"]]
            worst["most"] = max(worst["most"], len(active))
            worst["least"] = min(worst["least"], sum(map(is_ready, active)))

        bench.store.listen(watch)
        bench.set_image(DEPLOYMENTS, "api", "shop/api:2")
        await bench.rolled_out()
        assert worst == {"most": 5, "least": 3}

    running(
        scenario,
        workload(replicas=4, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}),
    )


def test_going_back_reuses_the_older_replica_set_with_a_new_number() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.set_image(DEPLOYMENTS, "api", "shop/api:2")
        await bench.rolled_out()
        assert numbers(bench) == {"shop/api:1": 1, "shop/api:2": 2}
        bench.set_image(DEPLOYMENTS, "api", "shop/api:1")
        found = await bench.rolled_out()
        assert numbers(bench) == {"shop/api:1": 3, "shop/api:2": 2}
        assert found["metadata"]["annotations"][REVISION] == "3"
        back = next(each for each in bench.items(SETS) if each["spec"]["replicas"])
        assert back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"

    running(scenario, workload())


def test_history_is_kept_up_to_its_limit() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        for number in range(2, 5):
            bench.set_image(DEPLOYMENTS, "api", f"shop/api:{number}")
            await bench.rolled_out()
        await bench.until(lambda: numbers(bench) == {"shop/api:3": 3, "shop/api:4": 4})

    running(scenario, workload(replicas=1, revisionHistoryLimit=1))


def test_recreate_has_no_old_pod_beside_a_new_one() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        mixed: list[set[str]] = []

        def watch(_: object) -> None:
            images = {pod["spec"]["containers"][0]["image"] for pod in bench.pods("api")}
            if len(images) > 1:
                mixed.append(images)

        bench.store.listen(watch)
        bench.set_image(DEPLOYMENTS, "api", "shop/api:2")
        await bench.rolled_out()
        assert mixed == []

    running(scenario, workload(strategy={"type": "Recreate"}))


def test_a_paused_deployment_scales_but_rolls_nothing_out() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.change(DEPLOYMENTS, "api", lambda item: item["spec"].update(paused=True))
        bench.set_image(DEPLOYMENTS, "api", "shop/api:2")
        changed = bench.scale(DEPLOYMENTS, "api", 5)
        wanted = changed["metadata"]["generation"]
        await bench.until(lambda: bench.get(DEPLOYMENTS, "api")["status"].get("readyReplicas") == 5)
        found = bench.get(DEPLOYMENTS, "api")
        assert found["status"]["observedGeneration"] == wanted
        assert "updatedReplicas" not in found["status"]
        assert condition(found, "Progressing")["reason"] == "DeploymentPaused"
        assert len(bench.items(SETS)) == 1
        bench.change(DEPLOYMENTS, "api", lambda item: item["spec"].pop("paused"))
        await bench.rolled_out()
        assert numbers(bench) == {"shop/api:1": 1, "shop/api:2": 2}

    running(scenario, workload())


@pytest.mark.parametrize("replicas", [0, 1, 6])
def test_scaling_changes_no_revision(replicas: int) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.scale(DEPLOYMENTS, "api", replicas)
        await bench.rolled_out()
        await bench.until(lambda: len(bench.pods("api")) == replicas)
        assert numbers(bench) == {"shop/api:1": 1}

    running(scenario, workload())


@pytest.mark.parametrize("image", ["shop/api:broken", "shop/api:missing", "bad.invalid/does-not-exist:1"])
def test_a_missing_image_ends_in_progress_deadline_exceeded_and_stays_available(image: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.set_image(DEPLOYMENTS, "api", image)

        def late() -> Any:
            return condition(bench.get(DEPLOYMENTS, "api"), "Progressing").get("reason") == "ProgressDeadlineExceeded"

        await bench.until(late)
        found = bench.get(DEPLOYMENTS, "api")
        assert condition(found, "Progressing")["status"] == "False"
        assert condition(found, "Available")["status"] == "True"
        bad = next(pod for pod in bench.pods("api") if pod["spec"]["containers"][0]["image"] == image)
        assert bad["status"]["phase"] == "Pending"
        waiting = bad["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        assert waiting in ("ErrImagePull", "ImagePullBackOff")
        assert ("Warning", "Failed") in bench.reasons(bad["metadata"]["name"])
        bench.set_image(DEPLOYMENTS, "api", "shop/api:1")
        assert condition(await bench.rolled_out(), "Progressing")["status"] == "True"

    running(scenario, workload(progressDeadlineSeconds=2))


# --- pods --------------------------------------------------------------------------------------------


def test_a_deleted_pod_goes_after_a_while_and_is_replaced() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        gone = bench.pods("api")[0]["metadata"]["name"]
        bench.delete("pods", gone)
        assert "deletionTimestamp" in bench.get("pods", gone)["metadata"]
        await bench.until(lambda: bench.get("pods", gone) is None)
        await bench.rolled_out()
        assert len(bench.pods("api")) == 3

    running(scenario, workload())


def test_a_crashing_container_restarts_again_and_again() -> None:
    async def scenario(bench: Bench) -> None:
        def restarted() -> Any:
            statuses = [pod["status"].get("containerStatuses") for pod in bench.pods("api")]
            return statuses and statuses[0] and statuses[0][0]["restartCount"] >= 3 and statuses[0][0]

        status = await bench.until(restarted)
        assert not status["ready"]
        assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert status["lastState"]["terminated"]["exitCode"] == 1
        assert ("Warning", "BackOff") in bench.reasons(bench.pods("api")[0]["metadata"]["name"])
        assert "readyReplicas" not in bench.get(DEPLOYMENTS, "api")["status"]

    running(scenario, workload(replicas=1, image="shop/api:crash"))


def test_a_slow_container_runs_before_it_is_ready() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: bench.pods("api") and bench.pods("api")[0]["status"]["phase"] == "Running")
        assert not is_ready(bench.pods("api")[0])
        await bench.rolled_out()

    running(scenario, workload(replicas=1, image="shop/api:slow"))


@pytest.mark.parametrize("image", ["shop/api:flap", "shop/api:flapping"])
def test_a_flapping_container_is_ready_on_and_off(image: str) -> None:
    async def scenario(bench: Bench) -> None:
        for wanted in (True, False, True):
            await bench.until(lambda wanted=wanted: bench.pods("api") and is_ready(bench.pods("api")[0]) is wanted)

    running(scenario, workload(replicas=1, image=image))


@pytest.mark.parametrize(
    ("named", "reason"), [("crash", "CrashLoopBackOff"), ("missing", "ImagePullBackOff"), ("normal", None)]
)
def test_an_annotation_decides_before_the_image(named: str, reason: str | None) -> None:
    async def scenario(bench: Bench) -> None:
        def waiting() -> Any:
            statuses = [pod["status"].get("containerStatuses") for pod in bench.pods("api")]
            return statuses and statuses[0] and (statuses[0][0]["state"].get("waiting") or {"reason": None})

        await bench.until(lambda: (waiting() or {}).get("reason", "") == reason)

    manifest = workload(replicas=1, image="shop/api:1" if reason else "shop/api:crash")
    manifest["spec"]["template"]["metadata"]["annotations"] = {"sandbox.countersign/behaviour": named}
    running(scenario, manifest)


def test_pods_spread_over_ready_and_schedulable_nodes_only() -> None:
    async def scenario(bench: Bench) -> None:
        bench.change("nodes", "node-3", lambda item: item["spec"].update(unschedulable=True), namespace="")

        def not_ready(item: Any) -> None:
            condition(item, "Ready")["status"] = "False"

        bench.change("nodes", "node-2", not_ready, namespace="", part="status")
        bench.create(workload())
        await bench.rolled_out()
        assert {pod["spec"]["nodeName"] for pod in bench.pods("api")} == {"node-1"}
        bench.change("nodes", "node-3", lambda item: item["spec"].pop("unschedulable"), namespace="")
        bench.scale(DEPLOYMENTS, "api", 6)
        await bench.rolled_out()
        placed = [pod["spec"]["nodeName"] for pod in bench.pods("api")]
        assert (placed.count("node-3"), placed.count("node-1")) == (3, 3)

    running(scenario)


def test_a_pod_that_fits_nowhere_waits_and_goes_on_when_a_node_returns() -> None:
    async def scenario(bench: Bench) -> None:
        for number in (1, 2, 3):
            bench.change(
                "nodes", f"node-{number}", lambda item: item["spec"].update(unschedulable=True), namespace=""
            )
        bench.create(workload(replicas=1))
        await bench.until(lambda: bench.pods("api") and condition(bench.pods("api")[0], "PodScheduled"))
        (pod,) = bench.pods("api")
        assert condition(pod, "PodScheduled")["reason"] == "Unschedulable"
        assert ("Warning", "FailedScheduling") in bench.reasons(pod["metadata"]["name"])
        bench.change("nodes", "node-2", lambda item: item["spec"].pop("unschedulable"), namespace="")
        await bench.rolled_out()

    running(scenario)


# --- StatefulSets, DaemonSets, Jobs ------------------------------------------------------------------


def stateful_done(bench: Bench) -> Any:
    found = bench.get(STATEFUL, "db")
    status, wanted = found["status"], found["spec"]["replicas"]
    done = (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == wanted
        and status["currentRevision"] == status["updateRevision"]
    )
    return found if done else None


def test_a_stateful_set_updates_from_the_highest_number() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: stateful_done(bench))
        assert [pod["metadata"]["name"] for pod in bench.pods("db")] == ["db-0", "db-1", "db-2"]
        order: list[str] = []

        def watch(commit: Any) -> None:
            if commit.resource == "pods" and commit.change == "ADDED":
                order.append(commit.item["metadata"]["name"])

        bench.store.listen(watch)
        bench.set_image(STATEFUL, "db", "shop/db:2")
        await bench.until(lambda: stateful_done(bench))
        assert order == ["db-2", "db-1", "db-0"]
        assert sorted(each["revision"] for each in bench.items(REVISIONS)) == [1, 2]

    running(scenario, workload("StatefulSet", "db", image="shop/db:1"))


def test_a_partition_holds_lower_numbers_back() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: stateful_done(bench))
        bench.set_image(STATEFUL, "db", "shop/db:2")

        def partly() -> Any:
            status = bench.get(STATEFUL, "db")["status"]
            return status.get("updatedReplicas") == 1 and status.get("readyReplicas") == 3 and status

        status = await bench.until(partly)
        assert status["currentReplicas"] == 2
        assert status["currentRevision"] != status["updateRevision"]
        images = [pod["spec"]["containers"][0]["image"] for pod in bench.pods("db")]
        assert images == ["shop/db:1", "shop/db:1", "shop/db:2"]

    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    running(scenario, workload("StatefulSet", "db", image="shop/db:1", updateStrategy=update))


def test_a_stateful_set_shrinks_from_the_highest_number() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: stateful_done(bench))
        bench.scale(STATEFUL, "db", 1)
        await bench.until(lambda: [pod["metadata"]["name"] for pod in bench.pods("db")] == ["db-0"])

    running(scenario, workload("StatefulSet", "db"))


def test_a_daemon_set_runs_on_every_node_and_on_cordoned_ones() -> None:
    async def scenario(bench: Bench) -> None:
        bench.change("nodes", "node-2", lambda item: item["spec"].update(unschedulable=True), namespace="")

        def done() -> Any:
            found = bench.get(DAEMONS, "agent")
            status = found["status"]
            counters = (status.get("updatedNumberScheduled"), status.get("numberAvailable"))
            return counters == (3, 3) and status["observedGeneration"] == found["metadata"]["generation"]

        await bench.until(done)
        assert {pod["spec"]["nodeName"] for pod in bench.pods("agent")} == {"node-1", "node-2", "node-3"}
        bench.set_image(DAEMONS, "agent", "agent:2")
        await bench.until(done)
        assert {pod["spec"]["containers"][0]["image"] for pod in bench.pods("agent")} == {"agent:2"}
        assert sorted(each["revision"] for each in bench.items(REVISIONS)) == [1, 2]

    running(scenario, workload("DaemonSet", "agent"))


def job(name: str = "once", image: str = "shop/job:1") -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": pod}},
    }


def test_a_job_runs_to_its_end_and_keeps_its_pod() -> None:
    async def scenario(bench: Bench) -> None:
        found = await bench.until(lambda: condition(bench.get("jobs.batch", "once"), "Complete") and 1)
        status = bench.get("jobs.batch", "once")["status"]
        assert (found, status["succeeded"], status.get("active", 0)) == (1, 1, 0)
        assert status["completionTime"] >= status["startTime"]
        assert [pod["status"]["phase"] for pod in bench.pods("once")] == ["Succeeded"]

    running(scenario, job())


def test_a_failing_job_gives_up_at_its_limit() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: condition(bench.get("jobs.batch", "once"), "Failed"))
        found = bench.get("jobs.batch", "once")
        assert condition(found, "Failed")["reason"] == "BackoffLimitExceeded"
        assert found["status"]["failed"] == 2

    running(scenario, job(image="shop/job:fails"))


# --- budgets, autoscalers, deletion ------------------------------------------------------------------


def budget(app: str, **limit: Any) -> dict[str, Any]:
    spec = {**limit, "selector": {"matchLabels": {"app": app}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app}, "spec": spec}


@pytest.mark.parametrize(
    ("limit", "desired", "allowed"),
    [({"minAvailable": 1}, 1, 2), ({"maxUnavailable": 1}, 2, 1), ({"minAvailable": "50%"}, 2, 1),
     ({"maxUnavailable": 0}, 3, 0)],
)  # fmt: skip
def test_a_budget_counts_what_may_go(limit: dict[str, Any], desired: int, allowed: int) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        await bench.until(lambda: bench.get(BUDGETS, "api")["status"].get("currentHealthy") == 3)
        found = bench.get(BUDGETS, "api")
        status = found["status"]
        assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (
            3,
            desired,
            allowed,
        )
        assert status["observedGeneration"] == found["metadata"]["generation"]

    running(scenario, workload(), budget("api", **limit))


def test_an_autoscaler_keeps_its_target_within_bounds() -> None:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "minReplicas": 2,
        "maxReplicas": 4,
    }
    manifest = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"}, "spec": spec,
    }  # fmt: skip

    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        for asked, kept in ((3, 3), (9, 4), (1, 2)):
            bench.scale(DEPLOYMENTS, "api", asked)
            await bench.until(lambda kept=kept: bench.get(DEPLOYMENTS, "api")["spec"]["replicas"] == kept)

            def counted(kept: int = kept) -> Any:
                status = bench.get("horizontalpodautoscalers.autoscaling", "api")["status"]
                return (status.get("currentReplicas"), status.get("desiredReplicas")) == (kept, kept)

            await bench.until(counted)

    running(scenario, workload(), manifest)


@pytest.mark.parametrize("propagation", [None, "Foreground"])
def test_a_deleted_deployment_takes_its_dependents_along(propagation: str | None) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.delete(DEPLOYMENTS, "api", propagation=propagation)
        await bench.until(lambda: not bench.items(DEPLOYMENTS) + bench.items(SETS) + bench.items("pods"))

    running(scenario, workload())


def test_orphans_are_adopted_by_a_deployment_with_their_selector() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        pods = {pod["metadata"]["uid"] for pod in bench.pods("api")}
        bench.delete(DEPLOYMENTS, "api", propagation="Orphan")
        assert "ownerReferences" not in bench.items(SETS)[0]["metadata"]
        bench.create(workload())
        await bench.rolled_out()
        assert len(bench.items(SETS)) == 1
        assert {pod["metadata"]["uid"] for pod in bench.pods("api")} == pods

    running(scenario, workload())


def test_a_deleted_namespace_goes_with_everything_in_it() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        bench.delete("namespaces", NAMESPACE, namespace="")
        assert bench.store.get("namespaces", "", NAMESPACE)["status"]["phase"] == "Terminating"  # type: ignore[index]
        await bench.until(lambda: bench.store.get("namespaces", "", NAMESPACE) is None)
        assert bench.items("pods") + bench.items(DEPLOYMENTS) + bench.items("events") == []

    running(scenario, workload(), workload("StatefulSet", "db"), job())


def test_an_object_that_a_controller_cannot_bear_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from countersign.sandbox.cluster.controllers import manager  # noqa: PLC0415  its table is what is changed

    def unbearable(*_: object) -> None:
        raise ZeroDivisionError("a mistake in a controller")

    monkeypatch.setitem(manager._SYNCS, "jobs.batch", unbearable)

    async def scenario(bench: Bench) -> None:
        bench.create(job())
        bench.create(workload())
        await bench.rolled_out()

    running(scenario)


def test_the_seed_settles_and_leaves_room_to_drain() -> None:
    async def scenario(bench: Bench) -> None:
        apply_manifests(bench.writer, default_manifests())
        await bench.manager.idle()
        counts = {}
        for name in ("api", "web", "worker", "payments"):
            status = bench.get(DEPLOYMENTS, name, "prod")["status"]
            counts[name] = status["readyReplicas"]
            assert condition({"status": status}, "Progressing")["reason"] == "NewReplicaSetAvailable"
        assert counts == {"api": 3, "web": 3, "worker": 3, "payments": 2}
        assert bench.get(STATEFUL, "db", "prod")["status"]["readyReplicas"] == 3
        assert bench.get(DAEMONS, "node-agent", "kube-system")["status"]["numberAvailable"] == 3
        budgets = bench.items(BUDGETS, "prod")
        allowed = {each["metadata"]["name"]: each["status"]["disruptionsAllowed"] for each in budgets}
        assert allowed == {"api": 2, "db": 1}
        assert [pod["status"]["phase"] for pod in bench.items("pods", "staging")] == ["Running"] * 4

    running(scenario)
