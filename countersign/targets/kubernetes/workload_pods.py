"""Which pods are a workload's, and which ReplicaSets made them."""

from collections.abc import Mapping
from typing import Any, Final

from countersign.errors import PermanentTargetError
from countersign.targets.kubernetes.budgets import selects
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.plan_undo import owned_by
from countersign.targets.model import ObjectRef

WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})


class WorkloadPods:
    """The pods of one object. ReplicaSets are asked for only where a pod names one that is not known."""

    def __init__(self, connection: Connection, ref: ObjectRef) -> None:
        self._connection = connection
        self._ref = ref
        self._uid: str | None = None
        self._ours: set[str] = set()
        self._others: set[str] = set()
        self.by_labels = False
        """True where the cluster does not let us read whose they are, so that labels alone tell."""

    def of(self, live: Mapping[str, Any]) -> list[Any]:
        """Return the pods of `live` as they are now, those of a node by namespace and name."""
        ref = self._ref
        if ref.kind == "Node":
            query = {"fieldSelector": f"spec.nodeName={ref.name}"}
            items = self._connection.get(
                list_path(self._connection, "Pod", None), query, what=f"list the pods of {ref}"
            )["items"]
            return sorted(items, key=lambda pod: (pod["metadata"]["namespace"], pod["metadata"]["name"]))
        selector = (live.get("spec") or {}).get("selector")
        if ref.kind not in WORKLOADS or not isinstance(selector, Mapping):
            return []
        items = self._connection.get(
            list_path(self._connection, "Pod", ref.namespace),
            selected_by(selector),
            what=f"list the pods of {ref}",
        )["items"]
        mine = [pod for pod in items if selects(selector, pod["metadata"].get("labels") or {})]
        return sorted(self._controlled(live, mine), key=lambda pod: str(pod["metadata"]["name"]))

    def replica_sets(self, live: Mapping[str, Any]) -> list[Any]:
        """Return the ReplicaSets that a Deployment controls. Raises PermanentTargetError where it may not be read."""
        path = list_path(self._connection, "ReplicaSet", self._ref.namespace)
        query = selected_by(live["spec"].get("selector") or {})
        return owned_by(live, self._connection.get(path, query, what=f"list the ReplicaSets of {self._ref}")["items"])

    def _controlled(self, live: Mapping[str, Any], pods: list[Any]) -> list[Any]:
        """Return the pods that the object controls: labels alone would count other people's."""
        uid = live["metadata"]["uid"]
        if self._ref.kind != "Deployment":
            return [pod for pod in pods if _controller_of(pod) == uid]
        if uid != self._uid:
            self._uid, self._ours, self._others = uid, set(), set()
        named = {owner for pod in pods if (owner := _controller_of(pod)) is not None}
        if not self.by_labels and (unknown := named - self._ours - self._others):
            try:
                self._ours = {item["metadata"]["uid"] for item in self.replica_sets(live)}
            except PermanentTargetError:
                self.by_labels = True
            else:
                self._others |= unknown - self._ours
        return pods if self.by_labels else [pod for pod in pods if _controller_of(pod) in self._ours]


def selected_by(selector: Mapping[str, Any]) -> dict[str, str]:
    """Return the query for what a `spec.selector` selects (labels.Parse of apimachinery reads it)."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule["key"], ",".join(sorted(rule.get("values") or ()))
        match rule["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return {"labelSelector": ",".join(parts)} if parts else {}


def _controller_of(pod: Mapping[str, Any]) -> str | None:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
