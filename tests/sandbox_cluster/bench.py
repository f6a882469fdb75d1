"""Controllers on a store without a server: make objects, change them, wait for states."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.cluster.behaviours import BehaviourBook
from sandbox.cluster.controllers.manager import Manager
from sandbox.cluster.delete_options import Deletion
from sandbox.cluster.kinds import kind_of, stored
from sandbox.cluster.seed import apply_manifests, default_manifests
from sandbox.cluster.store import Object, Store
from sandbox.cluster.writing import Writer

NAMESPACE = "shop"
DEPLOYMENTS, SETS, STATEFUL, DAEMONS = "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"
BUDGETS, REVISIONS = "poddisruptionbudgets.policy", "controllerrevisions.apps"
REVISION = "deployment.kubernetes.io/revision"
WAIT_SECONDS = 20
SPEED = 4.0


class Bench:
    """Three nodes, an empty namespace, and the controllers."""

    def __init__(self) -> None:
        self.store = Store()
        self.writer = Writer(self.store)
        self.manager = Manager(self.store, self.writer, BehaviourBook(), speed=SPEED)

    def create(self, manifest: dict[str, Any], namespace: str = NAMESPACE) -> Object:
        kind = kind_of(manifest["apiVersion"], manifest["kind"])
        assert kind is not None
        return self.writer.create(kind, namespace if kind.namespaced else "", manifest)

    def get(self, resource: str, name: str, namespace: str = NAMESPACE) -> Any:
        return self.store.get(resource, namespace, name)

    def items(self, resource: str, namespace: str | None = NAMESPACE) -> list[Any]:
        return list(self.store.list(resource, namespace))

    def change(
        self, resource: str, name: str, alter: Callable[[Any], object], *, namespace: str = NAMESPACE, part: str = ""
    ) -> Object:
        def altered(item: dict[str, Any]) -> dict[str, Any]:
            alter(item)
            return item

        return self.writer.change(stored(resource), namespace, name, altered, subresource=part)

    def set_image(self, resource: str, name: str, image: str) -> Object:
        return self.change(
            resource, name, lambda item: item["spec"]["template"]["spec"]["containers"][0].update(image=image)
        )

    def scale(self, resource: str, name: str, replicas: int) -> Object:
        return self.change(resource, name, lambda item: item["spec"].update(replicas=replicas))

    def delete(self, resource: str, name: str, namespace: str = NAMESPACE, propagation: str | None = None) -> None:
        self.writer.delete(stored(resource), namespace, name, Deletion(propagation=propagation))

    def pods(self, app: str) -> list[Any]:
        """Pods with that label, those that are going included."""
        return [pod for pod in self.items("pods") if (pod["metadata"].get("labels") or {}).get("app") == app]

    def reasons(self, name: str) -> set[tuple[str, str]]:
        """Type and reason of the events about what is called so."""
        return {
            (event["type"], event["reason"])
            for event in self.items("events")
            if event["involvedObject"]["name"] == name
        }

    async def until(self, look: Callable[[], Any]) -> Any:
        """Look again and again until there is something, and return it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_SECONDS
        while not (found := look()):
            assert loop.time() < deadline, "the state did not come"
            await asyncio.sleep(0.005)
        return found

    async def rolled_out(self, name: str = "api") -> Any:
        """Wait for what `kubectl rollout status` waits for."""

        def done() -> Any:
            found = self.get("deployments.apps", name)
            status, wanted = found["status"], found["spec"]["replicas"]
            counters = [status.get(f"{each}eplicas", 0) for each in ("r", "updatedR", "readyR", "availableR")]
            seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
            return found if seen and counters == [wanted] * 4 else None

        return await self.until(done)


def running(scenario: Callable[[Bench], Awaitable[None]], *manifests: dict[str, Any]) -> None:
    """Run a scenario on a cluster that holds these objects."""

    async def run() -> None:
        bench = Bench()
        nodes = [item for item in default_manifests() if item["kind"] == "Node"]
        namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in
                      ("default", NAMESPACE)]  # fmt: skip
        apply_manifests(bench.writer, [*namespaces, *nodes])
        bench.manager.start()
        for manifest in manifests:
            bench.create(manifest)
        try:
            await scenario(bench)
        finally:
            bench.manager.stop()

    asyncio.run(run())


def workload(
    kind: str = "Deployment", name: str = "api", *, image: str = "shop/api:1", **spec: Any
) -> dict[str, Any]:
    """A workload with one container."""
    given: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": image}]},
        },
    }
    if kind != "DaemonSet":
        given["replicas"] = 3
    if kind == "StatefulSet":
        given["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {**given, **spec}}


def condition(item: Any, type_: str) -> Any:
    """The object's condition of that type, or {}."""
    found = (item.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each["type"] == type_), {})


def numbers(bench: Bench) -> dict[str, int]:
    """Revision of each ReplicaSet by its image."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: int(each["metadata"]["annotations"][REVISION])
        for each in bench.items(SETS)
    }


def is_ready(pod: Any) -> bool:
    return bool(condition(pod, "Ready").get("status") == "True")


def job(name: str = "once", image: str = "shop/job:1") -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": pod}},
    }


def budget(app: str, **limit: Any) -> dict[str, Any]:
    spec = {**limit, "selector": {"matchLabels": {"app": app}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app}, "spec": spec}
