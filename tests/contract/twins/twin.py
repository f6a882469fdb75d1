"""One of the twins: a namespace with the row's objects, which is read when its controllers have come to rest."""

from collections.abc import Iterator
from typing import Any, Final

from tests.contract.api import Answer, Api, wait_for
from tests.contract.twins.manifests import Manifest, collection, manifest
from tests.contract.twins.picture import CREATOR, Picture, plain
from tests.contract.twins.rows import Row

_REVISION: Final = "deployment.kubernetes.io/revision"
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_PROBE: Final = "probe"


class Twin:
    """A namespace of its own; a node of its own if the row has one."""

    def __init__(self, api: Api, namespace: str, row: Row) -> None:
        self.api = api
        self.namespace = namespace
        self.names = {f"node-{namespace}": "NODE", namespace: "NAMESPACE"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"tier": "web"}}}
        self._made = [Manifest("Namespace", namespace, body, "/api/v1/namespaces")]
        self._create(self._made[0])
        if "FREEPORT" in row.command:
            self.names[str(self._free_port())] = "FREEPORT"
        for stem in row.objects:
            found = manifest(stem, self.text, namespace, self._serves)
            self._made.append(found)
            self._create(found)
        self.settle()
        if {"Node", "DaemonSet"} <= {item.kind for item in self._made}:
            wait_for(self._pods, self._daemon_is_placed, what="the DaemonSet's pod on the node")
        for kind, version, name in row.makes:
            self._made.append(Manifest(kind, name, {"metadata": {}}, collection(kind, version, namespace)))
        self._pods_at = self._pods()["metadata"]["resourceVersion"]

    def text(self, text: str) -> str:
        """Return a text with this twin's names."""
        for name, placeholder in self.names.items():
            text = text.replace(placeholder, name)
        return text

    def settle(self) -> None:
        """Wait until controllers have seen every object and written what they write beside status."""
        for item in self._made:
            wait_for(
                lambda path=item.path: self.api.get(path),  # type: ignore[misc]
                lambda answer, kind=item.kind: answer.status == 404 or _at_rest(kind, answer.ok()),  # type: ignore[misc]
                what=f"{item.kind} {item.name} to come to rest",
            )

    def picture(self) -> Picture:
        """Return everything there is to compare."""
        self.settle()
        seen: Picture = {}
        for item in self._made:
            answer = self.api.get(item.path)
            if answer.status != 404 and not _going(answer.ok()["metadata"]):
                live = answer.ok()
                seen[f"{item.kind}/{self._placeholder(item.name)}"] = plain(live, self.names)
                if item.kind in _WORKLOADS:
                    seen[f"history of {item.kind}/{item.name}"] = dict(self._history(live))
        return {
            **seen,
            **{f"end of Pod/{name}": {"grace period": seconds} for name, seconds in self._ended().items()},
        }

    def _ended(self) -> dict[str, Any]:
        """Return the grace period with which each of the row's pods that is gone or going was deleted."""
        named = {item.name for item in self._made if item.kind == "Pod"}
        if not named:
            return {}
        there = {pod["metadata"]["name"]: pod["metadata"] for pod in self._pods()["items"]}
        leaving = {name for name in named if "deletionTimestamp" in there.get(name, {"deletionTimestamp": ""})}
        out: dict[str, Any] = {}
        if leaving:
            path = collection("Pod", "v1", self.namespace)
            for event in self.api.watch(path, resourceVersion=self._pods_at, timeoutSeconds="5"):
                metadata = event["object"]["metadata"]
                if metadata["name"] in leaving and (event["type"] == "DELETED" or "deletionTimestamp" in metadata):
                    out.setdefault(metadata["name"], metadata.get("deletionGracePeriodSeconds"))
                    if leaving == set(out):
                        break
        return out

    def remove(self) -> None:
        """Ask for the end of everything; a namespace's own end is not waited for."""
        for item in reversed(self._made):
            if item.kind == "Pod" and (item.body["metadata"].get("finalizers")):
                patch = {"metadata": {"finalizers": None}}
                self.api.request("PATCH", item.path, patch, content_type="application/merge-patch+json")
            if item.collection.count("/namespaces/") == 0:
                self.api.request("DELETE", item.path)

    def _placeholder(self, name: str) -> str:
        for own, placeholder in self.names.items():
            name = name.replace(own, placeholder)
        return name

    def _create(self, item: Manifest) -> None:
        def send() -> Answer:
            return self.api.request("POST", item.collection, item.body, query={"fieldManager": CREATOR})

        # A new namespace may take a moment to get the service account that pods need.
        wait_for(send, lambda answer: answer.status != 403, what=f"{item.name} to be let in").ok()

    def _serves(self, version: str) -> bool:
        group, slash, number = version.partition("/")
        return not slash or number in self.api.versions(group)

    def _free_port(self) -> int:
        """Return a node port that the server gave and took back."""
        path = collection("Service", "v1", self.namespace)
        body = {"metadata": {"name": _PROBE}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
        made = self.api.request("POST", path, body).ok()
        self.api.request("DELETE", f"{path}/{_PROBE}").ok()
        return int(made["spec"]["ports"][0]["nodePort"])

    def _pods(self) -> Any:
        return self.api.get(collection("Pod", "v1", self.namespace)).ok()

    def _daemon_is_placed(self, pods: Any) -> bool:
        placed = [pod for pod in pods["items"] if pod["spec"].get("nodeName") == f"node-{self.namespace}"]
        owners = [owner["kind"] for pod in placed for owner in pod["metadata"].get("ownerReferences", ())]
        return "DaemonSet" in owners

    def _history(self, live: Any) -> Iterator[tuple[str, Any]]:
        kind = "ReplicaSet" if live["kind"] == "Deployment" else "ControllerRevision"
        for item in self.api.get(collection(kind, "apps/v1", self.namespace)).ok()["items"]:
            owners = item["metadata"].get("ownerReferences") or ()
            if not any(owner["uid"] == live["metadata"]["uid"] for owner in owners):
                continue
            picture = plain({"kind": kind, **item}, self.names)
            if kind == "ControllerRevision":
                yield f"revision {item['revision']}", picture["data"]
                continue
            template = picture["spec"]["template"]
            template["metadata"]["labels"].pop("pod-template-hash", None)
            yield f"revision {item['metadata']['annotations'].get(_REVISION)}", template


def _going(metadata: Any) -> bool:
    """Is it deleted and held by nothing but what a controller takes away at its own time, or not at all?"""
    holds = metadata.get("finalizers") or ()
    return "deletionTimestamp" in metadata and all(name.startswith("kubernetes.io/") for name in holds)


def _at_rest(kind: str, live: Any) -> bool:
    metadata, status = live["metadata"], live.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return bool(metadata.get("finalizers"))
    if kind in (*_WORKLOADS, "PodDisruptionBudget"):
        if status.get("observedGeneration", 0) < metadata.get("generation", 0):
            return False
        return (
            kind != "Deployment" or live["spec"].get("paused", False) or _REVISION in metadata.get("annotations", {})
        )
    if kind == "Pod":
        # Where no kubelet serves the row's own node, its pods get no status.
        return status.get("phase") != "Pending" or live["spec"].get("nodeName", "").startswith("node-twin-")
    return kind != "Job" or bool(status.get("startTime"))
