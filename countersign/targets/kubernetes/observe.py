"""Evidence: what the plan's objects look like now, without anything that may be a secret.

Only named facts are taken (counters, images, conditions, restarts, events); environment values, annotations and
whole specs stay in the cluster.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.budgets import is_ready
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import object_path
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.kubernetes.steps import OWNER, rfc3339
from countersign.targets.kubernetes.template import containers_of, template_of
from countersign.targets.kubernetes.warning_events import short_of_pods, unwell_pods, warnings_of
from countersign.targets.kubernetes.workload_pods import WORKLOADS, WorkloadPods
from countersign.targets.model import ObjectRef, Plan, Snapshot

PODS_LIMIT: Final = 200
WARNED_UNTIL: Final = "warned_until"
"""Key among the facts: until when, by the API server's clock, they have the warnings of what they asked about."""
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
    observer = Observer(connection, plan)
    return observer.complete(observer.look(at=at))


class Observer:
    """Takes snapshots of one plan's objects, and asks nothing twice that does not change."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._refs = observed(plan)
        self._pods = {ref.key: WorkloadPods(connection, ref) for ref in self._refs}
        self._live: dict[str, Mapping[str, Any]] = {}

    def look(self, *, at: datetime, told: Mapping[str, Mapping[str, Any]] | None = None) -> Snapshot:
        """Return the objects as they are, without events. `told` has objects, by ObjectRef.key, that are known."""
        self._live = {}
        objects: dict[str, Any] = {}
        for ref in self._refs:
            live = (told or {}).get(ref.key) or self._read(ref)
            if live is None:
                objects[ref.key] = {"exists": False}
                continue
            self._live[ref.key] = live
            pods = self._pods[ref.key].of(live)
            objects[ref.key] = {
                **facts_of(live, ref.kind),
                "pods": [pod_facts(pod) for pod in pods[:PODS_LIMIT]],
                "pods_total": len(pods),
                **({"pods_by_labels": True} if self._pods[ref.key].by_labels else {}),
            }
        return Snapshot(at=rfc3339(at), objects=objects)

    def complete(self, seen: Snapshot) -> Snapshot:
        """Return the newest snapshot with what events warn of."""
        objects = {
            ref.key: {**seen.objects[ref.key], **self._warned(ref, seen.objects[ref.key])}
            if ref.key in self._live
            else seen.objects[ref.key]
            for ref in self._refs
        }
        return Snapshot(at=seen.at, objects=objects)

    def _read(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        path = object_path(self._connection, ref.kind, ref.namespace, ref.name)
        try:
            live: Mapping[str, Any] = self._connection.get(path, what=f"observe {ref}")
        except TargetNotFound:
            return None
        return live

    def _warned(self, ref: ObjectRef, facts: Mapping[str, Any]) -> dict[str, Any]:
        unwell = [] if ref.kind == "Node" else unwell_pods(facts["pods"])
        if ref.kind == "Deployment" and _lacks_pods(facts):
            with suppress(PermanentTargetError):  # said by pods_by_labels already
                unwell += short_of_pods(self._pods[ref.key].replica_sets(self._live[ref.key]))
        found = warnings_of(self._connection, ref, facts["uid"], unwell)
        if found is None:
            return {"warnings_unreadable": True}
        return {"warnings": found, WARNED_UNTIL: self._connection.told_at}


def observed(plan: Plan) -> tuple[ObjectRef, ...]:
    """Return the objects that are looked at: the plan's own, what replaces its pods, what it makes."""
    found = {ref.key: ref for ref in (*plan.refs, *owners_of(plan), *made_by(plan))}
    return tuple(found.values())


def owners_of(plan: Plan) -> tuple[ObjectRef, ...]:
    """Return what replaces the pods that the plan deletes: that tells whether a deletion was survived."""
    found = {
        ref.key: ref
        for step in plan.steps
        if (owner := step.before.get(OWNER)) is not None and owner["kind"] in WORKLOADS
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
    if kind == "Pod" or kind in WORKLOADS:
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


def _lacks_pods(facts: Mapping[str, Any]) -> bool:
    wanted = min(int(facts["spec"].get("replicas", 1)), PODS_LIMIT)
    return len([pod for pod in facts["pods"] if not pod["terminating"]]) < wanted
