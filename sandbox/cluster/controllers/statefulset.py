"""StatefulSets: numbered pods, one after the other, updated from the highest number down to the partition."""

from collections.abc import Sequence
from typing import Any

from sandbox.cluster.controllers.revisions import HASH, ensure_revision, forget_revisions
from sandbox.cluster.controllers.world import World, is_active, is_available, is_ready, pod_from
from sandbox.cluster.store import Object

_RESOURCE = "statefulsets.apps"


def sync_statefulset(world: World, item: Object) -> None:
    """Do the next thing that may be done, then count."""
    update, known = ensure_revision(world, item)
    new = update["metadata"]["name"]
    status = item.get("status") or {}
    current = status.get("currentRevision") or new
    if all(each["metadata"]["name"] != current for each in known):
        current = new
    pods = {_ordinal(pod): pod for pod in world.owned(item, "pods")}
    _act(world, item, pods, known, current=current, new=new)
    live = [pod for pod in world.owned(item, "pods") if is_active(pod)]
    wanted = item["spec"]["replicas"]
    updated = [pod for pod in live if _revision(pod) == new]
    partition = (item["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0)
    rolling = item["spec"]["updateStrategy"]["type"] == "RollingUpdate" and partition == 0
    if rolling and len(updated) == len(live) == wanted and all(is_ready(pod) for pod in live):
        current = new
    counts: dict[str, Any] = {
        "observedGeneration": item["metadata"]["generation"],
        "replicas": len(live),
        "readyReplicas": sum(is_ready(pod) for pod in live) or None,
        "currentReplicas": sum(_revision(pod) == current for pod in live) or None,
        "updatedReplicas": len(updated) or None,
        "availableReplicas": sum(is_available(world, _RESOURCE, item, pod) for pod in live),
        "currentRevision": current,
        "updateRevision": new,
        "collisionCount": 0,
    }
    world.set_status(_RESOURCE, item, counts)
    forget_revisions(world, item, known, {new, current, *(_revision(pod) for pod in live)})


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _revision(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH, ""))


def _act(world: World, item: Object, pods: dict[int, Object], known: list[Object], *, current: str, new: str) -> None:
    spec = item["spec"]
    wanted, ordered = spec["replicas"], spec["podManagementPolicy"] == "OrderedReady"
    strategy = spec["updateStrategy"]
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    templates = {each["metadata"]["name"]: each["data"]["spec"]["template"] for each in known}
    for number in range(wanted):
        pod = pods.get(number)
        if pod is not None and (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
            world.delete("pods", pod)
            return
        if pod is None:
            revision = current if number < partition or strategy["type"] == "OnDelete" else new
            if number >= partition and current != new and strategy["type"] == "RollingUpdate":
                revision = new
            _create(world, item, number, revision, templates[revision])
            if ordered:
                return
        elif ordered and not (is_active(pod) and is_ready(pod)):
            broken = is_active(pod) and not is_ready(pod) and _revision(pod) != new and number >= partition
            if broken and strategy["type"] == "RollingUpdate" and number == max(pods):
                world.delete("pods", pod)
            return
    for number in sorted((each for each in pods if each >= wanted), reverse=True):
        if is_active(pods[number]):
            world.delete("pods", pods[number])
        if ordered:
            return
    if strategy["type"] != "RollingUpdate":
        return
    for number in range(wanted - 1, partition - 1, -1):
        pod = pods.get(number)
        if pod is None or not is_active(pod):
            return
        if _revision(pod) != new:
            world.delete("pods", pod)
            world.event(item, "Normal", "SuccessfulDelete", f"delete Pod {pod['metadata']['name']} successful")
            return
        if not is_ready(pod):
            return


def _create(world: World, item: Object, number: int, revision: str, template: dict[str, Any]) -> None:
    name = f"{item['metadata']['name']}-{number}"
    labels = {HASH: revision, "statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(number)}
    template = {key: value for key, value in template.items() if key != "$patch"}
    pod = pod_from(template, item, name, labels)
    pod["spec"]["volumes"] = [*_claimed(world, item, name), *_others(item, pod["spec"].get("volumes") or ())]
    world.create("pods", item["metadata"]["namespace"], pod)
    world.event(item, "Normal", "SuccessfulCreate", f"create Pod {name} successful")


def _claimed(world: World, item: Object, pod_name: str) -> list[dict[str, Any]]:
    """Make the claims of a pod that don't exist, and return the volumes by which it uses them."""
    volumes, namespace = [], item["metadata"]["namespace"]
    for claim in item["spec"].get("volumeClaimTemplates") or ():
        name = f"{claim['metadata']['name']}-{pod_name}"
        if world.store.get("persistentvolumeclaims", namespace, name) is None:
            labels = {
                **(claim["metadata"].get("labels") or {}),
                **(item["spec"]["selector"].get("matchLabels") or {}),
            }
            metadata = {**claim["metadata"], "name": name, "labels": labels}
            body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim["spec"]}
            world.create("persistentvolumeclaims", namespace, body)
            text = f"create Claim {name} Pod {pod_name} in StatefulSet {item['metadata']['name']} success"
            world.event(item, "Normal", "SuccessfulCreate", text)
        volumes.append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}})
    return volumes


def _others(item: Object, volumes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the template's volumes that no claim replaces."""
    claims = {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates") or ()}
    return [volume for volume in volumes if volume["name"] not in claims]
