"""Objects as the rows that `kubectl get` prints (meta.k8s.io/v1 Table)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.cluster.kinds import Kind

Item = Mapping[str, Any]
Columns = tuple[tuple[str, Callable[[Item], Any]], ...]


def wants_table(accept: str) -> bool:
    """True if the client prefers a table."""
    return "as=Table" in accept and "v=v1" in accept


def _spec(field: str, default: Any = 0) -> Callable[[Item], Any]:
    return lambda item: (item.get("spec") or {}).get(field, default)


def _status(field: str, default: Any = 0) -> Callable[[Item], Any]:
    return lambda item: (item.get("status") or {}).get(field, default)


def _of(ready: str, wanted: Callable[[Item], Any]) -> Callable[[Item], str]:
    return lambda item: f"{_status(ready)(item)}/{wanted(item)}"


def age(item: Item) -> str:
    """Return how old an object is, in kubectl's short form."""
    made = datetime.strptime(item["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    seconds = int((datetime.now(UTC) - made).total_seconds())
    for unit, size, limit in (("s", 1, 120), ("m", 60, 180 * 60), ("h", 3600, 48 * 3600)):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"


def _pod_ready(item: Item) -> str:
    sidecars = {
        each["name"] for each in item["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always"
    }
    first = [each for each in _status("initContainerStatuses", ())(item) if each["name"] in sidecars]
    ready = sum(each["ready"] for each in [*_status("containerStatuses", ())(item), *first])
    return f"{ready}/{len(item['spec']['containers']) + len(sidecars)}"


def pod_state(item: Item) -> str:
    """Return a pod's STATUS column."""
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for each in _status("containerStatuses", ())(item):
        for state in ("waiting", "terminated"):
            if reason := (each["state"].get(state) or {}).get("reason"):
                return str(reason)
    return str(_status("phase", "Unknown")(item))


def _restarts(item: Item) -> int:
    return sum(each.get("restartCount", 0) for each in _status("containerStatuses", ())(item))


def _node_state(item: Item) -> str:
    conditions = _status("conditions", ())(item)
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    cordoned = ",SchedulingDisabled" if _spec("unschedulable", False)(item) else ""
    return ("Ready" if ready else "NotReady") + cordoned


def _job_state(item: Item) -> str:
    found = {each["type"] for each in _status("conditions", ())(item) if each["status"] == "True"}
    return "Complete" if "Complete" in found else "Failed" if "Failed" in found else "Running"


_COLUMNS: Mapping[str, Columns] = {
    "pods": (
        ("Ready", _pod_ready), ("Status", pod_state), ("Restarts", _restarts), ("Age", age),
        ("IP", _status("podIP", "<none>")), ("Node", _spec("nodeName", "<none>")),
    ),
    "nodes": (
        ("Status", _node_state), ("Roles", lambda _: "<none>"), ("Age", age),
        ("Version", lambda item: _status("nodeInfo", {})(item).get("kubeletVersion", "")),
    ),
    "deployments.apps": (
        ("Ready", _of("readyReplicas", _spec("replicas"))), ("Up-to-date", _status("updatedReplicas")),
        ("Available", _status("availableReplicas")), ("Age", age),
    ),
    "replicasets.apps": (
        ("Desired", _spec("replicas")), ("Current", _status("replicas")), ("Ready", _status("readyReplicas")),
        ("Age", age),
    ),
    "statefulsets.apps": (("Ready", _of("readyReplicas", _spec("replicas"))), ("Age", age)),
    "daemonsets.apps": (
        ("Desired", _status("desiredNumberScheduled")), ("Current", _status("currentNumberScheduled")),
        ("Ready", _status("numberReady")), ("Up-to-date", _status("updatedNumberScheduled")),
        ("Available", _status("numberAvailable")), ("Age", age),
    ),
    "jobs.batch": (("Status", _job_state), ("Completions", _of("succeeded", _spec("completions", 1))), ("Age", age)),
    "cronjobs.batch": (("Schedule", _spec("schedule", "")), ("Suspend", _spec("suspend", False)), ("Age", age)),
    "horizontalpodautoscalers.autoscaling": (
        ("Reference", lambda item: "{kind}/{name}".format(**item["spec"]["scaleTargetRef"])),
        ("MinPods", _spec("minReplicas", 1)), ("MaxPods", _spec("maxReplicas")),
        ("Replicas", _status("currentReplicas")), ("Age", age),
    ),
    "poddisruptionbudgets.policy": (
        ("Min Available", _spec("minAvailable", "N/A")), ("Max Unavailable", _spec("maxUnavailable", "N/A")),
        ("Allowed Disruptions", _status("disruptionsAllowed")), ("Age", age),
    ),
    "services": (("Type", _spec("type", "")), ("Cluster-IP", _spec("clusterIP", "<none>")), ("Age", age)),
    "persistentvolumeclaims": (
        ("Status", _status("phase", "")), ("Volume", _spec("volumeName", "")),
        ("Capacity", lambda item: _status("capacity", {})(item).get("storage", "")),
        ("Storageclass", _spec("storageClassName", "")), ("Age", age),
    ),
    "persistentvolumes": (
        ("Capacity", lambda item: _spec("capacity", {})(item).get("storage", "")), ("Status", _status("phase", "")),
        ("Storageclass", _spec("storageClassName", "")), ("Age", age),
    ),
    "namespaces": (("Status", _status("phase", "Active")), ("Age", age)),
    "events": (
        ("Last Seen", age), ("Type", lambda item: item.get("type", "")),
        ("Reason", lambda item: item.get("reason", "")),
        ("Object", lambda item: "{kind}/{name}".format(**item["involvedObject"]).lower()),
        ("Message", lambda item: item.get("message", "")),
    ),
    "configmaps": (("Data", lambda item: len(item.get("data") or {})), ("Age", age)),
}  # fmt: skip
_WIDE = {"IP", "Node"}
_NUMBERS = {
    "Restarts", "Up-to-date", "Available", "Desired", "Current", "MinPods", "MaxPods", "Replicas",
    "Allowed Disruptions", "Data",
}  # fmt: skip


def as_table(kind: Kind, items: list[dict[str, Any]], metadata: Mapping[str, Any], query: Mapping[str, str]) -> Any:
    """Return a Table of `items`."""
    columns: Columns = (
        ("Name", lambda item: item["metadata"]["name"]),
        *_COLUMNS.get(kind.resource, (("Age", age),)),
    )
    described = [
        {
            "name": name, "type": "integer" if name in _NUMBERS else "string", "description": "",
            "format": "name" if name == "Name" else "", "priority": int(name in _WIDE),
        }
        for name, _ in columns
    ]  # fmt: skip
    whole = query.get("includeObject") == "Object"
    rows = []
    for item in items:
        shown = item if whole else {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                                    "metadata": item["metadata"]}  # fmt: skip
        rows.append({"cells": [read(item) for _, read in columns], "object": shown})
    version = metadata or ({"resourceVersion": items[0]["metadata"]["resourceVersion"]} if items else {})
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": version, "columnDefinitions": described,
        "rows": rows,
    }  # fmt: skip
