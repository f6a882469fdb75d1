"""Pods with init containers, on tainted nodes, with claims."""

from typing import Any

from sandbox.cluster.kinds import stored
from sandbox.cluster.seed import default_manifests
from sandbox.cluster.tables import as_table
from tests.sandbox_cluster.bench import Bench, running, workload


def pod(*, first: list[dict[str, Any]], name: str = "alone", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "shop/api:1"}]
    given = {"containers": containers, "initContainers": first, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": given}


SIDECAR = {"name": "proxy", "image": "mesh/proxy:2", "restartPolicy": "Always"}


def shown_ready(item: Any) -> str:
    return str(as_table(stored("pods"), [dict(item)], {}, {})["rows"][0]["cells"][1])


def test_a_sidecar_runs_beside_the_container_and_counts() -> None:
    async def scenario(bench: Bench) -> None:
        def ready() -> Any:
            found = bench.get("pods", "alone")
            return found if shown_ready(found) == "2/2" else None

        found = await bench.until(ready)
        assert found["status"]["phase"] == "Running"
        (proxy,) = found["status"]["initContainerStatuses"]
        assert (proxy["name"], proxy["ready"], list(proxy["state"])) == ("proxy", True, ["running"])

    running(scenario, pod(first=[SIDECAR]))


def test_an_init_container_ends_before_the_others_start() -> None:
    async def scenario(bench: Bench) -> None:
        def ready() -> Any:
            found = bench.get("pods", "alone")
            return found if shown_ready(found) == "1/1" else None

        found = await bench.until(ready)
        (setup,) = found["status"]["initContainerStatuses"]
        assert setup["state"]["terminated"]["reason"] == "Completed"

    running(scenario, pod(first=[{"name": "setup", "image": "shop/setup:1"}]))


def test_a_broken_init_container_keeps_the_pod_from_starting() -> None:
    async def scenario(bench: Bench) -> None:
        def stuck() -> Any:
            found = bench.get("pods", "alone")
            return found if (found["status"].get("initContainerStatuses") or [{}])[0].get("state") else None

        found = await bench.until(stuck)
        assert found["status"]["phase"] == "Pending"
        assert found["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
        assert shown_ready(found) == "0/1"

    running(scenario, pod(first=[{"name": "setup", "image": "shop/setup:missing"}]))


def test_a_sidecar_that_is_not_ready_makes_the_pod_unready() -> None:
    async def scenario(bench: Bench) -> None:
        def started() -> Any:
            found = bench.get("pods", "alone")
            return found if found["status"].get("initContainerStatuses") else None

        found = await bench.until(started)
        conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
        assert conditions["Ready"] == "False"

    running(scenario, pod(first=[{**SIDECAR, "image": "mesh/crash:2"}]))


def test_a_taint_keeps_pods_away_and_sends_them_away() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.rolled_out()
        names = [item["metadata"]["name"] for item in default_manifests() if item["kind"] == "Node"]
        taint = {"key": "broken", "effect": "NoExecute"}
        for name in names[1:]:
            bench.change("nodes", name, lambda item: item["spec"].update(taints=[taint]), namespace="")

        def moved() -> bool:
            found = [each for each in bench.pods("api") if "deletionTimestamp" not in each["metadata"]]
            return len(found) == 3 and {each["spec"].get("nodeName") for each in found} == {names[0]}

        await bench.until(moved)

    running(scenario, workload())


def test_the_claims_of_a_statefulset_are_provisioned_and_wait_for_their_pods() -> None:
    async def scenario(bench: Bench) -> None:
        def bound() -> Any:
            found = bench.items("persistentvolumeclaims")
            return found if [each["status"]["phase"] for each in found] == ["Bound"] else None

        (claim,) = await bench.until(bound)
        assert bench.get("persistentvolumes", claim["spec"]["volumeName"], "")["status"]["phase"] == "Bound"
        await bench.until(lambda: bench.get("pods", "db-0"))
        bench.delete("persistentvolumeclaims", "data-db-0")
        assert bench.get("persistentvolumeclaims", "data-db-0")["metadata"]["deletionTimestamp"]
        bench.delete("statefulsets.apps", "db")
        await bench.until(lambda: not bench.items("persistentvolumeclaims"))
        await bench.until(lambda: not bench.items("persistentvolumes", None))

    storage = next(item for item in default_manifests() if item["kind"] == "StorageClass")
    size = {"requests": {"storage": "1Gi"}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": size}}
    running(scenario, storage, workload("StatefulSet", "db", replicas=1, volumeClaimTemplates=[claim]))
