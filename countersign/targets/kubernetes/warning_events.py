"""What events warn of, about one object and what it made that is not well. Never all events of a namespace."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from countersign.errors import PermanentTargetError
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.pod_health import FAILING
from countersign.targets.model import ObjectRef

EVENTS_LIMIT: Final = 20
UNWELL_ASKED: Final = 3
"""About so many pods that are not well is asked: the others tell the same."""


def warnings_of(
    connection: Connection, ref: ObjectRef, uid: str, unwell: Sequence[str]
) -> list[dict[str, Any]] | None:
    """Return the warnings about an object and those of `unwell` (uids), newest first; None where none may be read."""
    path = f"/api/v1/namespaces/{ref.namespace}/events" if ref.namespace else "/api/v1/events"
    about = [f"involvedObject.uid={each}" for each in (uid, *unwell)]
    if ref.kind == "Node":
        # kubelet's events give a node's name as its uid (kubernetes, pkg/kubelet/kubelet.go, nodeRef).
        about[0] = f"involvedObject.kind=Node,involvedObject.name={ref.name}"
    found: list[dict[str, Any]] = []
    for one in about:
        query = {"fieldSelector": f"{one},type=Warning"}
        try:
            items = connection.get(path, query, what=f"read the events of {ref}")["items"]
        except PermanentTargetError:
            return None  # evidence without events is still evidence
        found += map(_told, items)
    return sorted(found, key=lambda event: str(event["last"]), reverse=True)[:EVENTS_LIMIT]


def unwell_pods(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the uids of the pods (observe.pod_facts) to ask about, those that cannot start first."""
    waiting = [pod for pod in pods if not (pod["ready"] or pod["terminating"] or pod["phase"] == "Succeeded")]
    waiting.sort(key=lambda pod: not FAILING.intersection(pod["waiting"]))
    return [pod["uid"] for pod in waiting[:UNWELL_ASKED]]


def short_of_pods(replica_sets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the uids of the ReplicaSets that have fewer pods than they want: quotas and admission speak there."""
    return [
        item["metadata"]["uid"]
        for item in replica_sets
        if (item.get("status") or {}).get("replicas", 0) < (item.get("spec") or {}).get("replicas", 1)
    ]


def _told(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "object": f"{event['involvedObject'].get('kind')}/{event['involvedObject'].get('name')}",
        "uid": event["involvedObject"].get("uid"),
        "reason": event.get("reason"),
        "message": str(event.get("message") or "")[:300],
        "count": event.get("count") or 1,
        "last": event.get("lastTimestamp") or event.get("eventTime"),
    }
