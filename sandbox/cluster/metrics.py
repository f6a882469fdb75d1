"""metrics.k8s.io for `kubectl top`: made-up usage that is the same at every look."""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.kinds import stored
from sandbox.cluster.listing import selection
from sandbox.cluster.routes import Route
from sandbox.cluster.status import not_found
from sandbox.cluster.store import Object, Store, now


def usage(store: Store, at: Route, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the usage of nodes or running pods. Raises StatusError 404."""
    kind = stored(at.kind.plural)
    shape = _node if at.kind.plural == "nodes" else _pod
    if at.name:
        found = store.get(kind.resource, at.namespace or "", at.name)
        if found is None:
            raise not_found(at.kind, at.name)
        return shape(found)
    wanted = selection(kind, query)
    items = [
        shape(item)
        for item in store.list(kind.resource, at.namespace)
        if wanted(item) and (kind.plural == "nodes" or (item.get("status") or {}).get("phase") == "Running")
    ]
    listed = {"kind": f"{at.kind.kind}List", "apiVersion": at.kind.api_version, "metadata": {}}
    return {**listed, "items": items}


def _node(item: Object) -> dict[str, Any]:
    return _metrics("NodeMetrics", item) | {"usage": {"cpu": "850m", "memory": "3100Mi"}}


def _pod(item: Object) -> dict[str, Any]:
    containers = [
        {"name": container["name"], "usage": {"cpu": f"{20 + 5 * index}m", "memory": f"{90 + 10 * index}Mi"}}
        for index, container in enumerate(item["spec"]["containers"])
    ]
    return _metrics("PodMetrics", item) | {"containers": containers}


def _metrics(kind: str, item: Object) -> dict[str, Any]:
    metadata = {key: item["metadata"][key] for key in ("name", "namespace", "labels") if key in item["metadata"]}
    described = {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": metadata}
    return {**described, "timestamp": now(), "window": "15s"}
