"""The sandbox's Deployment controller: from a spec to ReplicaSets, pods and status, and then nothing more."""

import asyncio
from typing import Any

import pytest

from tests.sandbox_cluster.bench import (
    BUDGETS,
    DAEMONS,
    DEPLOYMENTS,
    REVISION,
    SETS,
    STATEFUL,
    Bench,
    budget,
    condition,
    is_ready,
    job,
    numbers,
    running,
    workload,
)


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
