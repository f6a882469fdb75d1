"""ReplicaSets: as many pods as wanted."""

from typing import Any

from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.world import (
    World,
    controller_reference,
    is_active,
    is_available,
    is_ready,
    pod_from,
    random_suffix,
)
from sandbox.cluster.selectors import labels_of, matches
from sandbox.cluster.status import StatusError
from sandbox.cluster.store import Object

_RESOURCE = "replicasets.apps"
_RETRY_SECONDS = 1.0


def sync_replicaset(world: World, item: Object) -> None:
    """Create or delete pods, then count them."""
    spec, metadata = item["spec"], item["metadata"]
    _release_and_adopt(world, item)
    pods = [pod for pod in world.owned(item, "pods") if is_active(pod)]
    missing = spec["replicas"] - len(pods)
    failure: str | None = None
    for _ in range(missing):
        name = f"{item['metadata']['name']}-{random_suffix()}"
        try:
            pod = world.create("pods", metadata["namespace"], pod_from(spec["template"], item, name, {}))
        except StatusError as error:
            failure = error.message
            world.event(item, "Warning", "FailedCreate", f"Error creating: {failure}")
            world.later(_RESOURCE, item, _RETRY_SECONDS, background=True)
            break
        world.event(item, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        pods.append(pod)
    if missing < 0:
        doomed = sorted(pods, key=_worth)[:-missing]
        for pod in doomed:
            world.delete("pods", pod)
            world.event(item, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        gone = {pod["metadata"]["uid"] for pod in doomed}
        pods = [pod for pod in pods if pod["metadata"]["uid"] not in gone]
    world.set_status(
        _RESOURCE,
        item,
        {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods) or None,
            "readyReplicas": sum(is_ready(pod) for pod in pods) or None,
            "availableReplicas": sum(is_available(world, _RESOURCE, item, pod) for pod in pods) or None,
            "observedGeneration": metadata["generation"],
            "conditions": _failed(item, failure) if failure else None,
        },
    )


def _failed(item: Object, why: str) -> list[dict[str, Any]]:
    known = (item.get("status") or {}).get("conditions")
    return condition(known, "ReplicaFailure", True, "FailedCreate", why)


def _release_and_adopt(world: World, item: Object) -> None:
    """Let go of pods that left the selector, and take in those that nobody controls and that match."""
    selector, uid = item["spec"]["selector"], item["metadata"]["uid"]
    for pod in world.owned(item, "pods"):
        if not matches(selector, labels_of(pod)) and is_active(pod):
            owners = [owner for owner in pod["metadata"]["ownerReferences"] if owner["uid"] != uid]
            world.replace("pods", pod, metadata={**pod["metadata"], "ownerReferences": owners})
    for pod in world.store.list("pods", item["metadata"]["namespace"]):
        if not pod["metadata"].get("ownerReferences") and matches(selector, labels_of(pod)) and is_active(pod):
            owners = [controller_reference(item)]
            world.replace("pods", pod, metadata={**pod["metadata"], "ownerReferences": owners})


def _worth(pod: Object) -> tuple[bool, bool, int]:
    """Sort the pods that go first to the front: on no node, not ready, youngest."""
    version = int(pod["metadata"]["resourceVersion"])
    return bool(pod["spec"].get("nodeName")), is_ready(pod), -version
