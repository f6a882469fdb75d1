"""PersistentVolumeClaims: which are refused, and when one may grow (pkg/apis/core/validation, plugin resize)."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.kinds import stored
from sandbox.cluster.quantities import quantity
from sandbox.cluster.status import Cause, forbidden, forbidden_change, invalid_value, required
from sandbox.cluster.store import Object, Store

PROTECTION = "kubernetes.io/pvc-protection"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def claim_defaults(item: dict[str, Any]) -> None:
    """Fill in a claim, in place."""
    if isinstance(item.get("spec"), dict):
        item["spec"].setdefault("volumeMode", "Filesystem")


def admit_new(store: Store, item: dict[str, Any]) -> None:
    """Protect a new claim from being deleted while it is used, and give it the default class, in place."""
    finalizers = item["metadata"].setdefault("finalizers", [])
    if PROTECTION not in finalizers:
        finalizers.append(PROTECTION)
    item["status"] = {"phase": "Pending"}
    for each in store.list("storageclasses.storage.k8s.io"):
        if (each["metadata"].get("annotations") or {}).get(_DEFAULT) == "true":
            item["spec"].setdefault("storageClassName", each["metadata"]["name"])


def claim_problems(spec: Mapping[str, Any], at: str = "spec") -> Iterator[Cause]:
    """Yield what is wrong with a claim's spec."""
    if not spec.get("accessModes"):
        yield required(f"{at}.accessModes", "at least 1 access mode is required")
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        yield required(f"{at}.resources[storage]")
    elif quantity(size) <= 0:
        yield invalid_value(f"{at}.resources[storage]", size, "must be greater than zero")


def claim_changes(before: Object, after: Object) -> Iterator[Cause]:
    """Yield which changes of a claim are not allowed."""
    old, new = before.get("spec") or {}, after.get("spec") or {}
    status = before.get("status") or {}
    bound = status.get("phase") == "Bound"
    kept, was = dict(new), dict(old)
    if not was.get("volumeName") and kept.get("volumeName"):
        # Binding it is allowed.
        was["volumeName"] = kept["volumeName"]
    if bound:
        for each in (kept, was):
            each.pop("resources", None)
            each.pop("volumeAttributesClassName", None)
    if kept != was:
        why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound "
        yield forbidden_change("spec", f"{why}claims")
    elif bound and _size(new) < _size(old) and quantity(_size_text(new)) < quantity(_capacity(status)):
        yield forbidden_change("spec.resources.requests.storage", "field can not be less than status.capacity")


def admit_resize(store: Store, before: Object, after: Object) -> None:
    """Let only claims grow whose class allows it. Raises StatusError 403."""
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if _size(new) <= _size(old):
        return
    name = new.get("storageClassName", "")
    found = store.get("storageclasses.storage.k8s.io", "", name) if name else None
    if found is None or not found.get("allowVolumeExpansion"):
        why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
        raise forbidden(stored("persistentvolumeclaims"), before["metadata"]["name"], f"{why}support resize")


def _size_text(spec: Mapping[str, Any]) -> str:
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage", "0"))


def _size(spec: Mapping[str, Any]) -> Any:
    return quantity(_size_text(spec))


def _capacity(status: Mapping[str, Any]) -> str:
    return str((status.get("capacity") or {}).get("storage", "0"))
