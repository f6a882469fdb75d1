"""The sandbox's budgets, autoscalers and collectors, and that one controller's trouble is not another's."""

from typing import Any

import pytest

from sandbox.cluster.seed import apply_manifests, default_manifests
from tests.sandbox_cluster.bench import (
    BUDGETS,
    DAEMONS,
    DEPLOYMENTS,
    NAMESPACE,
    SETS,
    STATEFUL,
    Bench,
    budget,
    condition,
    job,
    running,
    workload,
)


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
    from sandbox.cluster.controllers import manager  # noqa: PLC0415  its table is what is changed

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
