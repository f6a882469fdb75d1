"""DaemonSets: one pod on every node, cordoned ones too, replaced one by one."""

from sandbox.cluster.controllers.revisions import HASH, ensure_revision, forget_revisions
from sandbox.cluster.controllers.rollout import share
from sandbox.cluster.controllers.world import (
    World,
    is_active,
    is_available,
    is_ready,
    pod_from,
    random_suffix,
)
from sandbox.cluster.store import Object

_RESOURCE = "daemonsets.apps"


def sync_daemonset(world: World, item: Object) -> None:
    """Give every node its pod, replace outdated ones within maxUnavailable, then count."""
    update, known = ensure_revision(world, item)
    digest = update["metadata"]["labels"]["controller.kubernetes.io/hash"]
    wanted_labels = item["spec"]["template"]["spec"].get("nodeSelector") or {}
    nodes = [
        node["metadata"]["name"]
        for node in world.store.list("nodes")
        if wanted_labels.items() <= (node["metadata"].get("labels") or {}).items() and _takes(node, item)
    ]
    pods = world.owned(item, "pods")
    by_node = {pod["spec"].get("nodeName", ""): pod for pod in pods}
    for pod in pods:
        misplaced = pod["spec"].get("nodeName") not in nodes
        if (misplaced and is_active(pod)) or (pod.get("status") or {}).get("phase") == "Failed":
            world.delete("pods", pod)
    for node in nodes:
        if node not in by_node:
            name = f"{item['metadata']['name']}-{random_suffix()}"
            labels = {HASH: digest, "pod-template-generation": str(item["metadata"]["generation"])}
            body = pod_from(item["spec"]["template"], item, name, labels)
            # A real one goes through the scheduler with a node affinity; the result is the same.
            body["spec"]["nodeName"] = node
            world.create("pods", item["metadata"]["namespace"], body)
            world.event(item, "Normal", "SuccessfulCreate", f"Created pod: {name}")
    live = [pod for pod in world.owned(item, "pods") if is_active(pod)]
    outdated = [pod for pod in live if (pod["metadata"]["labels"] or {}).get(HASH) != digest]
    available = [pod for pod in live if is_available(world, _RESOURCE, item, pod)]
    if item["spec"]["updateStrategy"]["type"] == "RollingUpdate":
        rolling = item["spec"]["updateStrategy"]["rollingUpdate"]
        room = max(share(rolling.get("maxUnavailable", 1), len(nodes), up=True), 1) - (len(nodes) - len(available))
        sick = [pod for pod in outdated if not is_ready(pod)]
        well = [pod for pod in outdated if is_ready(pod)]
        for pod in [*sick, *well[: max(room, 0)]]:
            world.delete("pods", pod)
    world.set_status(
        _RESOURCE,
        item,
        {
            "currentNumberScheduled": len(live),
            "desiredNumberScheduled": len(nodes),
            "numberAvailable": len(available) or None,
            "numberMisscheduled": 0,
            "numberReady": sum(is_ready(pod) for pod in live),
            "numberUnavailable": (len(nodes) - len(available)) or None,
            "observedGeneration": item["metadata"]["generation"],
            "updatedNumberScheduled": (len(live) - len(outdated)) or None,
        },
    )
    forget_revisions(world, item, known, {update["metadata"]["name"]})


def _takes(node: Object, item: Object) -> bool:
    """True for a ready node; one that isn't ready has a taint that few pods tolerate."""
    tolerated = item["spec"]["template"]["spec"].get("tolerations") or ()
    whatever = any(each.get("operator") == "Exists" and "key" not in each for each in tolerated)
    return whatever or is_ready(node)
