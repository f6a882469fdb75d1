"""Deployments: ReplicaSets by template, revisions, rolling updates, progress (kube-controller-manager's rules)."""

import json
from typing import Any

from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.rollout import bounds, grown, shrunk
from sandbox.cluster.controllers.world import (
    World,
    controller_reference,
    hash_of,
)
from sandbox.cluster.selectors import labels_of, matches
from sandbox.cluster.store import Object, now

_RESOURCE = "deployments.apps"
_SETS = "replicasets.apps"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = (
    REVISION, _HISTORY, "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas",
    "kubectl.kubernetes.io/last-applied-configuration",
)  # fmt: skip


def sync_deployment(world: World, item: Object) -> None:
    """Bring the ReplicaSets one step nearer to the spec, and count."""
    _adopt(world, item)
    sets = world.owned(item, _SETS)
    template = item["spec"]["template"]
    new = next((each for each in sets if _without_hash(each["spec"]["template"]) == template), None)
    if not item["spec"].get("paused"):
        new, item = _ensure_new(world, item, sets, new)
    else:
        _scale_all(world, item, sets)
    sets = world.owned(item, _SETS)
    new = next((each for each in sets if new and each["metadata"]["uid"] == new["metadata"]["uid"]), None)
    old = [each for each in sets if each is not new]
    if not item["spec"].get("paused") and new is not None:
        if item["spec"]["strategy"]["type"] == "Recreate":
            _recreate(world, item, new, old)
        else:
            _roll(world, item, new, old)
        _forget(world, item, old)
    sets = world.owned(item, _SETS)
    new = next((each for each in sets if new and each["metadata"]["uid"] == new["metadata"]["uid"]), None)
    _count(world, item, sets, new)


def _adopt(world: World, item: Object) -> None:
    """Take in the ReplicaSets that nobody controls and that the selector matches."""
    for each in world.store.list(_SETS, item["metadata"]["namespace"]):
        free = not each["metadata"].get("ownerReferences") and "deletionTimestamp" not in each["metadata"]
        if free and matches(item["spec"]["selector"], labels_of(each)):
            world.replace(_SETS, each, metadata={**each["metadata"], "ownerReferences": [controller_reference(item)]})


def _without_hash(template: dict[str, Any]) -> dict[str, Any]:
    labels = {key: value for key, value in (template["metadata"].get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def revision_of(item: Object) -> int:
    """Return the revision that an object's annotation says; 0 without one."""
    return int((item["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _ensure_new(world: World, item: Object, sets: list[Object], new: Object | None) -> tuple[Object, Object]:
    others = [revision_of(each) for each in sets if each is not new]
    wanted = str(max(others, default=0) + 1)
    carried = {
        key: value for key, value in (item["metadata"].get("annotations") or {}).items() if key not in _NOT_COPIED
    }
    limit = item["spec"]["replicas"]
    sizes = {
        "deployment.kubernetes.io/desired-replicas": str(limit),
        "deployment.kubernetes.io/max-replicas": str(limit + bounds(item["spec"]["strategy"], limit).surge),
    }
    if new is None:
        new = _create_set(world, item, {**carried, **sizes, REVISION: wanted})
    else:
        annotations = dict(new["metadata"].get("annotations") or {})
        if revision_of(new) < int(wanted):
            if REVISION in annotations:
                past = [text for text in annotations.get(_HISTORY, "").split(",") if text]
                annotations[_HISTORY] = ",".join([*past, annotations[REVISION]])
            annotations[REVISION] = wanted
        annotations |= carried | sizes
        new = world.replace(_SETS, new, metadata={**new["metadata"], "annotations": annotations})
    # Through the status, so that the annotation doesn't count as a new generation.
    annotations = {**(item["metadata"].get("annotations") or {}), REVISION: new["metadata"]["annotations"][REVISION]}
    metadata = {**item["metadata"], "annotations": annotations}
    return new, world.replace(_RESOURCE, item, subresource="status", metadata=metadata)


def _create_set(world: World, item: Object, annotations: dict[str, str]) -> Object:
    template = json.loads(json.dumps(item["spec"]["template"]))
    digest = hash_of(template)
    name = f"{item['metadata']['name']}-{digest}"
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH: digest}
    selector = json.loads(json.dumps(item["spec"]["selector"]))
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: digest}
    spec = {"replicas": 0, "selector": selector, "template": template}
    if "minReadySeconds" in item["spec"]:
        spec["minReadySeconds"] = item["spec"]["minReadySeconds"]
    metadata = {
        "name": name, "labels": template["metadata"]["labels"], "annotations": annotations,
        "ownerReferences": [controller_reference(item)],
    }  # fmt: skip
    body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
    return world.create(_SETS, item["metadata"]["namespace"], body)


def _resize(world: World, item: Object, one: Object, size: int) -> None:
    before = one["spec"]["replicas"]
    if before == size:
        return
    metadata = {**one["metadata"], "generation": one["metadata"]["generation"] + 1}
    world.replace(_SETS, one, metadata=metadata, spec={**one["spec"], "replicas": size})
    direction = "up" if size > before else "down"
    message = f"Scaled {direction} replica set {one['metadata']['name']} from {before} to {size}"
    world.event(item, "Normal", "ScalingReplicaSet", message)


def _scale_all(world: World, item: Object, sets: list[Object]) -> None:
    """A paused deployment still follows its replicas; with one active ReplicaSet that is simple."""
    active = [each for each in sets if each["spec"]["replicas"] > 0] or sets[-1:]
    if len(active) == 1:
        _resize(world, item, active[0], item["spec"]["replicas"])


def _roll(world: World, item: Object, new: Object, old: list[Object]) -> None:
    wanted = item["spec"]["replicas"]
    limits = bounds(item["spec"]["strategy"], wanted)
    total = new["spec"]["replicas"] + sum(each["spec"]["replicas"] for each in old)
    size = grown(wanted=wanted, new=new["spec"]["replicas"], total=total, surge=limits.surge)
    if size != new["spec"]["replicas"]:
        _resize(world, item, new, size)
        return
    ordered = sorted(old, key=revision_of)
    counts = [(each["spec"]["replicas"], each["status"].get("availableReplicas", 0)) for each in ordered]
    available = min(new["status"].get("availableReplicas", 0), size)
    sizes = shrunk(counts, wanted=wanted, new_size=size, new_available=available, unavailable=limits.unavailable)
    for each, smaller in zip(ordered, sizes, strict=True):
        _resize(world, item, each, smaller)


def _recreate(world: World, item: Object, new: Object, old: list[Object]) -> None:
    for each in old:
        _resize(world, item, each, 0)
    if not any(world.owned(each, "pods") for each in old):
        _resize(world, item, new, item["spec"]["replicas"])


def _forget(world: World, item: Object, old: list[Object]) -> None:
    """Delete the oldest empty ReplicaSets beyond revisionHistoryLimit."""
    empty = [each for each in old if each["spec"]["replicas"] == 0 and each["status"].get("replicas", 0) == 0]
    spare = len(empty) - item["spec"]["revisionHistoryLimit"]
    for each in sorted(empty, key=revision_of)[: max(spare, 0)]:
        world.delete(_SETS, each)


def _count(world: World, item: Object, sets: list[Object], new: Object | None) -> None:
    def total(field: str) -> int:
        return sum(each["status"].get(field, 0) for each in sets)

    wanted = item["spec"]["replicas"]
    before = item.get("status") or {}
    status: dict[str, Any] = {
        "observedGeneration": item["metadata"]["generation"],
        "replicas": total("replicas") or None,
        "updatedReplicas": (new or {}).get("status", {}).get("replicas", 0) or None,
        "readyReplicas": total("readyReplicas") or None,
        "availableReplicas": total("availableReplicas") or None,
        "unavailableReplicas": max(max(wanted, total("replicas")) - total("availableReplicas"), 0) or None,
    }
    unavailable = bounds(item["spec"]["strategy"], wanted).unavailable if wanted else 0
    least = total("availableReplicas") >= wanted - unavailable
    reason = "MinimumReplicasAvailable" if least else "MinimumReplicasUnavailable"
    text = "Deployment has minimum availability." if least else "Deployment does not have minimum availability."
    known = condition(before.get("conditions"), "Available", least, reason, text, lastUpdateTime=now())
    failed = [
        each for one in sets for each in one["status"].get("conditions") or () if each["type"] == "ReplicaFailure"
    ]
    known = [each for each in known if each["type"] != "ReplicaFailure"]
    if failed:
        reason, text = failed[0]["reason"], failed[0]["message"]
        told = condition(before.get("conditions"), "ReplicaFailure", True, reason, text, lastUpdateTime=now())
        known += [each for each in told if each["type"] == "ReplicaFailure"]
    status["conditions"] = _progress(world, item, known, status=status, before=before, new=new)
    world.set_status(_RESOURCE, item, status)


def _progress(
    world: World,
    item: Object,
    known: list[dict[str, Any]],
    *,
    status: dict[str, Any],
    before: dict[str, Any],
    new: Object | None,
) -> list[dict[str, Any]]:
    wanted, mark = item["spec"]["replicas"], f"progress:{item['metadata']['uid']}"
    more = {"lastUpdateTime": now()}
    name = new["metadata"]["name"] if new else ""
    if item["spec"].get("paused"):
        world.marks.pop(mark, None)
        return condition(known, "Progressing", True, "DeploymentPaused", "Deployment is paused", **more) if any(
            each["type"] == "Progressing" for each in known
        ) else known  # fmt: skip
    present = next((each for each in known if each["type"] == "Progressing"), None)
    counted = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
    finished = all((status.get(field) or 0) == wanted for field in counted if field != "readyReplicas")
    if finished:
        world.marks.pop(mark, None)
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return condition(known, "Progressing", True, "NewReplicaSetAvailable", text, **more)
    if present is not None and present["reason"] == "NewReplicaSetAvailable" and f'"{name}"' in present["message"]:
        # A finished rollout that loses pods doesn't start to progress again.
        return known
    moved = [(status.get(field) or 0) != before.get(field, 0) for field in counted]
    if any(moved) or present is None or name not in present.get("message", ""):
        world.marks.pop(mark, None)
    waited, deadline = world.since(mark), item["spec"]["progressDeadlineSeconds"]
    if waited >= deadline:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return condition(known, "Progressing", False, "ProgressDeadlineExceeded", text, **more)
    world.later(_RESOURCE, item, deadline - waited + 0.05, background=True)
    if present is not None and present["reason"] == "ProgressDeadlineExceeded" and not any(moved):
        return known
    text = f'ReplicaSet "{name}" is progressing.'
    return condition(known, "Progressing", True, "ReplicaSetUpdated", text, **more)
