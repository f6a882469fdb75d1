"""The sandbox's controllers of StatefulSets, DaemonSets and Jobs."""

from typing import Any

from tests.sandbox_cluster.bench import (
    DAEMONS,
    REVISIONS,
    STATEFUL,
    Bench,
    condition,
    job,
    running,
    workload,
)


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
