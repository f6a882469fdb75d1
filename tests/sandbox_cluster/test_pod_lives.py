"""What becomes of pods on the sandbox's nodes: they start, crash, flap, are placed, and are replaced."""

from typing import Any

import pytest

from tests.sandbox_cluster.bench import (
    DEPLOYMENTS,
    Bench,
    condition,
    is_ready,
    running,
    workload,
)


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
