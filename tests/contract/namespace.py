"""A namespace of one probe: paths by resource name, and the reads and writes that most probes need."""

from collections.abc import Callable
from typing import Any

from tests.contract.api import JSON_PATCH, MERGE, Answer, Api, wait_for
from tests.contract.objects import deployment

APPS = ("deployments", "replicasets", "statefulsets", "daemonsets", "controllerrevisions")
AVAILABLE = "NewReplicaSetAvailable"
"""The reason of the Progressing condition after a complete rollout."""


class Namespace:
    """One namespace on one API server."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def path(self, resource: str, name: str = "", subresource: str = "") -> str:
        """Return the address of a collection, an object or a subresource."""
        parts = [self._group(resource), "namespaces", self.name, resource, name, subresource]
        return "/".join(part for part in parts if part)

    def _group(self, resource: str) -> str:
        if resource in APPS:
            return "/apis/apps/v1"
        if resource == "jobs":
            return "/apis/batch/v1"
        if resource == "cronjobs":
            # batch/v1 has them since 1.21, while it had jobs before.
            served = {each["name"] for each in self.api.get("/apis/batch/v1").ok()["resources"]}
            return "/apis/batch/" + ("v1" if resource in served else "v1beta1")
        if resource == "poddisruptionbudgets":
            return "/apis/" + self.api.first_version("policy", "v1", "v1beta1")
        if resource == "horizontalpodautoscalers":
            return "/apis/" + self.api.first_version("autoscaling", "v2", "v1")
        return "/api/v1"

    def post(self, resource: str, body: Any, **query: str) -> Answer:
        """POST to a collection."""
        return self.api.request("POST", self.path(resource), body, query=query)

    def create(self, resource: str, body: Any) -> Any:
        """Create an object that has to be accepted."""
        answer = self.post(resource, body)
        assert answer.status == 201, answer
        return answer.body

    def get(self, resource: str, name: str = "", subresource: str = "", **query: str) -> Answer:
        """GET an object or a collection."""
        return self.api.get(self.path(resource, name, subresource), **query)

    def read(self, resource: str, name: str, subresource: str = "") -> Any:
        """Return an object that has to exist."""
        return self.get(resource, name, subresource).ok()

    def items(self, resource: str, **query: str) -> list[Any]:
        """Return the objects of a collection."""
        return list(self.get(resource, **query).ok()["items"])

    def names(self, resource: str, **query: str) -> list[str]:
        """Return the names of a collection's objects, sorted."""
        return sorted(item["metadata"]["name"] for item in self.items(resource, **query))

    def patch(
        self, resource: str, name: str, body: Any, how: str = MERGE, *, subresource: str = "", **query: str
    ) -> Answer:
        """PATCH an object."""
        path = self.path(resource, name, subresource)
        return self.api.request("PATCH", path, body, query=query, content_type=how)

    def json_patch(self, resource: str, name: str, *operations: Any, **query: str) -> Answer:
        """PATCH an object with JSON patch operations."""
        return self.patch(resource, name, list(operations), JSON_PATCH, **query)

    def put(self, resource: str, name: str, body: Any, *, subresource: str = "", **query: str) -> Answer:
        """PUT an object."""
        return self.api.request("PUT", self.path(resource, name, subresource), body, query=query)

    def delete(self, resource: str, name: str, body: Any = None, **query: str) -> Answer:
        """DELETE an object; `body` are DeleteOptions."""
        return self.api.request("DELETE", self.path(resource, name), body, query=query)

    def evict(self, name: str, **delete_options: Any) -> Answer:
        """POST an eviction of a pod, in the version that the server's discovery names."""
        body = {
            "apiVersion": self.eviction_version(),
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": self.name},
            "deleteOptions": delete_options,
        }
        return self.api.request("POST", self.path("pods", name, "eviction"), body)

    def eviction_version(self) -> str:
        """Return the group and version of evictions, as the server's discovery says."""
        for resource in self.api.get("/api/v1").ok()["resources"]:
            if resource["name"] == "pods/eviction":
                return f"{resource['group']}/{resource['version']}"
        raise AssertionError("discovery does not name pods/eviction")

    def wait(self, resource: str, name: str, until: Callable[[Any], Any], what: str) -> Any:
        """Wait until an object is as wanted, and return it."""
        return wait_for(lambda: self.read(resource, name), until, what=f"{resource}/{name}: {what}")

    def wait_gone(self, resource: str, name: str) -> None:
        """Wait until an object does not exist."""
        wait_for(
            lambda: self.get(resource, name).status,
            lambda status: status == 404,
            what=f"{resource}/{name} to be gone",
        )

    def wait_names(self, resource: str, until: Callable[[list[str]], Any], what: str, **query: str) -> list[str]:
        """Wait until the names in a collection are as wanted."""
        return wait_for(lambda: self.names(resource, **query), until, what=what)

    def deploy(self, body: Any) -> Any:
        """Create a Deployment and wait until it has settled."""
        self.create("deployments", body)
        return self.rolled_out(body["metadata"]["name"])

    def settled(self, name: str) -> Any:
        """Wait for a complete rollout after which the controller has nothing left to write, and return it."""
        return self.wait(
            "deployments",
            name,
            lambda found: complete(found) and condition(found, "Progressing").get("reason") == AVAILABLE,
            "controller to come to rest",
        )

    def settled_deployment(self) -> Any:
        """Create the Deployment `web` and wait until nothing writes to it any more."""
        self.create("deployments", deployment())
        return self.settled("web")

    def create_pod(self, body: Any) -> Any:
        """Create a pod; a new namespace may take a moment to get the service account that pods need."""
        answer = wait_for(lambda: self.post("pods", body), lambda got: got.status != 403, what="a service account")
        assert answer.status == 201, answer
        return answer.body

    def rolled_out(self, name: str) -> Any:
        """Wait until a Deployment's rollout is complete and its counters have come to rest."""
        return self.wait("deployments", name, complete, "rollout to complete")


def complete(found: Any) -> bool:
    """Is a Deployment's rollout complete, in the order in which `kubectl rollout status` asks?"""
    status, wanted = found.get("status", {}), found["spec"]["replicas"]
    return (
        status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def condition(found: Any, kind: str) -> Any:
    """Return the named condition of an object's status, {} if it has none."""
    conditions = found.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == kind), {})
