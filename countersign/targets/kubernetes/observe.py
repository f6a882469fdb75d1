"""Evidence: what the plan's objects look like now, without anything that may be a secret.

Only named facts are taken (counters, images, conditions, restarts, events); environment values, annotations and
whole specs stay in the cluster.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.budgets import is_ready, selects
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.plan_undo import owned_by
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.kubernetes.steps import OWNER, rfc3339
from countersign.targets.kubernetes.template import containers_of, template_of
from countersign.targets.model import ObjectRef, Plan, Snapshot

PODS_LIMIT: Final = 200
EVENTS_LIMIT: Final = 20
_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
_COUNTERS: Final = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "updatedNumberScheduled",
    "numberReady",
    "numberAvailable",
    "numberMisscheduled",
    "currentRevision",
    "updateRevision",
    "active",
    "succeeded",
    "failed",
    "currentReplicas",
    "desiredReplicas",
)


def observe(connection: Connection, plan: Plan, *, at: datetime) -> Snapshot:
    """Return a snapshot of the plan's objects. Raises TransientTargetError when the cluster could not be asked."""
    objects: dict[str, Any] = {}
    for ref in (*plan.refs, *owners_of(plan), *made_by(plan)):
        try:
            live = connection.get(object_path(connection, ref.kind, ref.namespace, ref.name), what=f"observe {ref}")
        except TargetNotFound:
            objects[ref.key] = {"exists": False}
            continue
        owners = _owners(connection, ref, live)
        pods = _pods(connection, ref, live, owners)
        names = {ref.name, *(pod["metadata"]["name"] for pod in pods)}
        warnings = _warnings(connection, ref, names)
        objects[ref.key] = {
            **facts_of(live, ref.kind),
            "pods": [pod_facts(pod) for pod in pods[:PODS_LIMIT]],
            "pods_total": len(pods),
            **({"warnings_unreadable": True} if warnings is None else {"warnings": warnings}),
            **({"pods_by_labels": True} if owners is None else {}),
        }
    return Snapshot(at=rfc3339(at), objects=objects)


def owners_of(plan: Plan) -> tuple[ObjectRef, ...]:
    """Return what replaces the pods that the plan deletes: that tells whether a deletion was survived."""
    found = {
        ref.key: ref
        for step in plan.steps
        if (owner := step.before.get(OWNER)) is not None and owner["kind"] in _WORKLOADS
        for ref in [ObjectRef(plan.system, owner["kind"], step.ref.namespace, owner["name"])]
    }
    return tuple(found.values())


def made_by(plan: Plan) -> tuple[ObjectRef, ...]:
    """Return what the plan makes."""
    return tuple(step.ref for step in plan.steps if step.request["effect"] == Effect.CREATE.value)


def facts_of(live: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the facts of one object that are safe to keep."""
    metadata, spec, status = live["metadata"], live.get("spec") or {}, live.get("status") or {}
    facts: dict[str, Any] = {
        "exists": True,
        "uid": metadata["uid"],
        "generation": metadata.get("generation"),
        "resourceVersion": metadata.get("resourceVersion"),
        "deletionTimestamp": metadata.get("deletionTimestamp"),
        "finalizers": list(metadata.get("finalizers") or ()),
        "spec": {
            key: spec[key]
            for key in ("replicas", "paused", "unschedulable", "taints", "suspend", "minReplicas", "maxReplicas")
            if key in spec
        },
        "status": {key: status[key] for key in _COUNTERS if key in status},
        "conditions": {
            item["type"]: {"status": item.get("status"), "reason": item.get("reason")}
            for item in status.get("conditions") or ()
        },
    }
    if kind == "Pod":
        facts["pod"] = pod_facts(live)
    if kind == "Pod" or kind in _WORKLOADS:
        facts["containers"] = [
            {
                "name": item["name"],
                "image": item.get("image"),
                "env": sorted(variable["name"] for variable in item.get("env") or ()),
            }
            for item in containers_of(template_of(live, kind))
        ]
    if kind in ("StatefulSet", "DaemonSet"):
        strategy = spec.get("updateStrategy") or {}
        facts["strategy"] = {
            "type": strategy.get("type"),
            "partition": (strategy.get("rollingUpdate") or {}).get("partition", 0),
        }
    return facts


def pod_facts(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod's state: phase, readiness, restarts, why containers wait, which revision it is of."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    labels = pod["metadata"].get("labels") or {}
    waiting = [*containers, *(status.get("initContainerStatuses") or ())]
    return {
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
        "phase": status.get("phase"),
        "ready": is_ready(pod),
        "terminating": bool(pod["metadata"].get("deletionTimestamp")),
        "restarts": sum(item.get("restartCount", 0) for item in containers),
        "waiting": sorted(
            {reason for item in waiting if (reason := ((item.get("state") or {}).get("waiting") or {}).get("reason"))}
        ),
        "unschedulable": any(
            item.get("type") == "PodScheduled" and item.get("reason") == "Unschedulable"
            for item in status.get("conditions") or ()
        ),
        "images": [item.get("image") for item in containers],
        "node": (pod.get("spec") or {}).get("nodeName"),
        "revision": labels.get("pod-template-hash") or labels.get("controller-revision-hash"),
    }


def _owners(connection: Connection, ref: ObjectRef, live: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the uids of what controls a workload's pods; None where the cluster does not let us read that.

    A Deployment's pods belong to its ReplicaSets. Labels alone would count other people's pods.
    """
    if ref.kind != "Deployment":
        return frozenset({live["metadata"]["uid"]})
    try:
        path = list_path(connection, "ReplicaSet", ref.namespace)
        items = connection.get(path, what=f"list the ReplicaSets of {ref}")["items"]
    except PermanentTargetError:
        return None
    return frozenset(item["metadata"]["uid"] for item in owned_by(live, items))


def _pods(
    connection: Connection, ref: ObjectRef, live: Mapping[str, Any], owners: frozenset[str] | None
) -> list[Any]:
    if ref.kind == "Node":
        query = {"fieldSelector": f"spec.nodeName={ref.name}"}
        items = connection.get(list_path(connection, "Pod", None), query, what=f"list the pods of {ref}")["items"]
        return sorted(items, key=lambda pod: (pod["metadata"]["namespace"], pod["metadata"]["name"]))
    selector = (live.get("spec") or {}).get("selector")
    if ref.kind not in _WORKLOADS or not isinstance(selector, Mapping):
        return []
    labels = ",".join(f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items()))
    query = {"labelSelector": labels} if labels else {}
    items = connection.get(list_path(connection, "Pod", ref.namespace), query, what=f"list the pods of {ref}")[
        "items"
    ]
    mine = [pod for pod in items if selects(selector, pod["metadata"].get("labels") or {})]
    if owners is not None:
        mine = [pod for pod in mine if _controller_of(pod) in owners]
    return sorted(mine, key=lambda pod: str(pod["metadata"]["name"]))


def _controller_of(pod: Mapping[str, Any]) -> str | None:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _warnings(connection: Connection, ref: ObjectRef, names: set[str]) -> list[dict[str, Any]] | None:
    """Return what events warn of; None where the cluster does not let us read them."""
    path = f"/api/v1/namespaces/{ref.namespace}/events" if ref.namespace else "/api/v1/events"
    try:
        items = connection.get(path, {"fieldSelector": "type=Warning"}, what=f"read the events of {ref}")["items"]
    except PermanentTargetError:
        return None  # evidence without events is still evidence
    found = [
        {
            "object": f"{event['involvedObject'].get('kind')}/{event['involvedObject'].get('name')}",
            "uid": event["involvedObject"].get("uid"),
            "reason": event.get("reason"),
            "message": str(event.get("message") or "")[:300],
            "count": event.get("count") or 1,
            "last": event.get("lastTimestamp") or event.get("eventTime"),
        }
        for event in items
        if event.get("type") == "Warning" and event["involvedObject"].get("name") in names
    ]
    return sorted(found, key=lambda event: str(event["last"]), reverse=True)[:EVENTS_LIMIT]
