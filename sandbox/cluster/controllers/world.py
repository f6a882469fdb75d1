"""What controllers read and write: objects, pods of an owner, status, events, timers."""

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sandbox.cluster.behaviours import BehaviourBook
from sandbox.cluster.custom import kind_in
from sandbox.cluster.delete_options import Deletion
from sandbox.cluster.kinds import stored
from sandbox.cluster.managed.entries import UPDATE, Manager, after_update
from sandbox.cluster.options import Options
from sandbox.cluster.store import Object, Store, now
from sandbox.cluster.writing import Writer

Key: TypeAlias = tuple[str, str, str]
"""Resource, namespace, name."""
_MANAGER, _KUBELET = "kube-controller-manager", "kubelet"
"""Who writes, as managedFields say it."""
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class World:
    """The controllers' hands. Writes are as direct as an API server's own."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        behaviours: BehaviourBook,
        *,
        later: Callable[[Key, float, bool], None],
        speed: float,
    ) -> None:
        self.store = store
        self.writer = writer
        self.behaviours = behaviours
        self.ready_since: dict[str, float] = {}
        """By pod uid, monotonic seconds: timestamps of the API are too coarse for short waits."""
        self.marks: dict[str, float] = {}
        """Other moments to remember, by a name of the controller's own; monotonic seconds."""
        self._later = later
        self._speed = speed

    def later(self, resource: str, item: Object, seconds: float, *, background: bool = False) -> None:
        """Look at the object again after `seconds` of the sandbox's time."""
        key = (resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        self._later(key, seconds / self._speed, background)

    def since(self, mark: str) -> float:
        """Return for how many seconds of the sandbox's time a mark has been set; sets it at the first call."""
        return (time.monotonic() - self.marks.setdefault(mark, time.monotonic())) * self._speed

    def set_status(self, resource: str, item: Object, status: Mapping[str, Any]) -> Object:
        """Store the status if it is another one."""
        return self.replace(resource, item, status={key: value for key, value in status.items() if value is not None})

    def replace(self, resource: str, item: Object, *, subresource: str = "", **parts: Any) -> Object:
        """Store the object with some parts (spec, status, metadata) replaced, if that changes it.

        `subresource` is what a controller writes it by; a status goes through its own.
        """
        if all(item.get(part) == value for part, value in parts.items()):
            return item
        following = {**item, **parts}
        kind = kind_in(self.store, resource)
        subresource = "status" if "status" in parts else subresource
        who = _KUBELET if resource == "pods" and subresource else _MANAGER
        manager = Manager(UPDATE, who, kind.api_version, subresource)
        managed = after_update(kind.model, item, following, manager, now())
        following["metadata"] = (
            {**following["metadata"], "managedFields": managed} if managed else dict(following["metadata"])
        )
        return self.store.replace(resource, item, following)

    def create(self, resource: str, namespace: str, body: Mapping[str, Any]) -> Object:
        """Create an object."""
        return self.writer.create(kind_in(self.store, resource), namespace, body, Options(manager=_MANAGER))

    def delete(self, resource: str, item: Object) -> None:
        """Delete an object, gracefully if it is a pod."""
        metadata = item["metadata"]
        how = Deletion(propagation="Background")
        self.writer.delete(kind_in(self.store, resource), metadata.get("namespace", ""), metadata["name"], how)

    def owned(self, owner: Object, resource: str) -> list[Object]:
        """Return the objects that `owner` controls, by name."""
        found = [item for _, item in self.store.owned(owner["metadata"]["uid"], resource)]
        return sorted(found, key=lambda item: item["metadata"]["name"])

    def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Record an event; the same one again counts up."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace", "default")
        if self.store.get("namespaces", "", namespace) is None:
            return
        digest = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
        name = f"{metadata['name']}.{digest}"
        known = self.store.get("events", namespace, name)
        if known is not None:
            again = {
                **known,
                "metadata": dict(known["metadata"]),
                "count": known["count"] + 1,
                "lastTimestamp": now(),
            }
            self.store.replace("events", known, again)
            return
        reference = {
            "kind": about["kind"], "apiVersion": about["apiVersion"], "name": metadata["name"],
            "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
        }  # fmt: skip
        if "namespace" in metadata:
            reference["namespace"] = namespace
        self.store.insert(
            stored("events"),
            {
                "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
                "involvedObject": reference, "reason": reason, "message": message, "type": kind, "count": 1,
                "firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": "sandbox"},
                "reportingComponent": "sandbox", "reportingInstance": "",
            },
        )  # fmt: skip


def controller_reference(owner: Object) -> dict[str, Any]:
    """Return the ownerReference of what `owner` controls."""
    return {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def hash_of(value: Any) -> str:
    """Return a short name for a template's content, in the letters that Kubernetes uses."""
    number = int.from_bytes(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:6], "big")
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(digits)


def random_suffix() -> str:
    """Return five letters for a pod's name."""
    return "".join(random.choices(_LETTERS, k=5))  # noqa: S311


def pod_from(template: Mapping[str, Any], owner: Object, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod made from a template; all but StatefulSets name theirs at random."""
    meta = template.get("metadata") or {}
    metadata: dict[str, Any] = {"name": name, "labels": {**(meta.get("labels") or {}), **labels}}
    if meta.get("annotations"):
        metadata["annotations"] = dict(meta["annotations"])
    if owner["kind"] != "StatefulSet":
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    metadata["ownerReferences"] = [controller_reference(owner)]
    spec = json.loads(json.dumps(template["spec"]))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def is_active(pod: Object) -> bool:
    """True unless the pod has ended or is being deleted."""
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Object) -> bool:
    """True if the pod's condition Ready is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def is_available(world: World, owner: str, item: Object, pod: Object) -> bool:
    """True if the pod has been ready for `minReadySeconds`; otherwise the owner is looked at again in time."""
    if not is_ready(pod):
        return False
    wait = (item.get("spec") or {}).get("minReadySeconds", 0)
    if not wait:
        return True
    left = wait - world.since(f"ready:{pod['metadata']['uid']}")
    if left > 0:
        world.later(owner, item, left, background=True)
    return bool(left <= 0)
