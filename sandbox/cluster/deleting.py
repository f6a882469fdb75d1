"""Deleting objects by the API server's rules: at once, after a grace period, or when the last finalizer is gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.cluster.delete_options import Deletion
from sandbox.cluster.kinds import Kind
from sandbox.cluster.status import forbidden, precondition, success
from sandbox.cluster.store import Object, Store

_NAMESPACE_NAMES = ("default", "kube-system", "kube-public")
_ORPHANS_BY_DEFAULT = ("jobs.batch",)


def delete(store: Store, kind: Kind, before: Object, how: Deletion) -> dict[str, Any]:
    """Delete an object, or begin to, and return what the API answers. Raises StatusError."""
    metadata = before["metadata"]
    name = metadata["name"]
    if how.uid and how.uid != metadata["uid"]:
        raise precondition(kind, name, "UID", wanted=how.uid, found=metadata["uid"])
    if how.resource_version and how.resource_version != metadata["resourceVersion"]:
        found = metadata["resourceVersion"]
        raise precondition(kind, name, "ResourceVersion", wanted=how.resource_version, found=found)
    if kind.resource == "namespaces" and name in _NAMESPACE_NAMES:
        raise forbidden(kind, name, "this namespace may not be deleted")
    grace = _grace_seconds(kind, before, how.grace_seconds)
    finalizers = list(metadata.get("finalizers") or ())
    propagation = how.propagation or ("Orphan" if kind.resource in _ORPHANS_BY_DEFAULT else "Background")
    if propagation == "Foreground" and any(True for _ in store.owned(metadata["uid"])):
        finalizers = list(dict.fromkeys([*finalizers, "foregroundDeletion"]))
    waits = grace > 0 or finalizers or kind.resource == "namespaces"
    if metadata.get("deletionTimestamp") and waits:
        shorter = grace < metadata.get("deletionGracePeriodSeconds", 0)
        if not shorter:
            return dict(before)
    if how.dry_run:
        return dict(before) if waits or kind.resource == "pods" else success(kind, name, metadata["uid"])
    if waits:
        return dict(_begin(store, kind, before, grace, finalizers))
    if propagation == "Orphan":
        _orphan(store, metadata["uid"])
    gone = store.remove(kind.resource, before)
    return dict(gone) if kind.resource in ("pods", "services") else success(kind, name, metadata["uid"])


def _begin(store: Store, kind: Kind, before: Object, grace: int, finalizers: list[str]) -> Object:
    item = {**before, "metadata": dict(before["metadata"])}
    metadata = item["metadata"]
    end = datetime.now(UTC) + timedelta(seconds=grace)
    metadata["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind.resource != "namespaces":
        metadata["deletionGracePeriodSeconds"] = grace
    if finalizers:
        metadata["finalizers"] = finalizers
    if "generation" in metadata:
        metadata["generation"] += 1
    if kind.resource == "namespaces":
        item["status"] = {**(item.get("status") or {}), "phase": "Terminating"}
    return store.replace(kind.resource, before, item)


def _orphan(store: Store, uid: str) -> None:
    """Take the owner `uid` off everything that names it."""
    for resource, item in list(store.owned(uid)):
        free = {**item, "metadata": dict(item["metadata"])}
        owners = [owner for owner in item["metadata"]["ownerReferences"] if owner["uid"] != uid]
        free["metadata"]["ownerReferences"] = owners
        if not owners:
            del free["metadata"]["ownerReferences"]
        store.replace(resource, item, free)


def _grace_seconds(kind: Kind, before: Object, wanted: int | None) -> int:
    if kind.resource != "pods":
        return 0
    spec, phase = before.get("spec") or {}, (before.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    return int(spec.get("terminationGracePeriodSeconds", 30)) if wanted is None else wanted
