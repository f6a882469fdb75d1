"""The objects of the sandbox: what etcd is to an API server.

Every commit gets the next resourceVersion and is kept as a change for watches. Stored objects are never changed in
place, so that what was read once stays what it was.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sandbox.cluster.kinds import Kind

Object = Mapping[str, Any]
HISTORY = 20_000
"""Changes kept for watches; older resourceVersions are 410."""


class Change(StrEnum):
    """What happened to an object, as a watch says it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class Commit:
    """One change of one object."""

    version: int
    change: Change
    resource: str
    item: Object
    before: Object | None


def now() -> str:
    """Return the time as the API writes it: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All objects, by resource, namespace and name."""

    def __init__(self) -> None:
        self.version = 1
        self.commits = 0
        """How often anything was changed: a request that leaves it alone has persisted nothing."""
        self.history: deque[Commit] = deque(maxlen=HISTORY)
        self._objects: dict[str, dict[str, dict[str, Object]]] = {}
        """By resource, namespace and name."""
        self._by_owner: dict[str, dict[tuple[str, str, str], None]] = {}
        self._listeners: list[Callable[[Commit], None]] = []

    def listen(self, listener: Callable[[Commit], None]) -> None:
        """Call `listener` after every commit."""
        self._listeners.append(listener)

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""
        return self._objects.get(resource, {}).get(namespace, {}).get(name)

    def list(self, resource: str, namespace: str | None = None) -> list[Object]:
        """Return the objects of a resource, of one namespace or (None) of all, by namespace and name."""
        found = self._objects.get(resource, {})
        places = sorted(found) if namespace is None else [namespace]
        return [item for place in places for _, item in sorted(found.get(place, {}).items())]

    def resources(self) -> Iterable[str]:
        """Return the resources that have objects."""
        return tuple(resource for resource, objects in self._objects.items() if objects)

    def owned(self, uid: str, resource: str | None = None) -> Iterable[tuple[str, Object]]:
        """Return (resource, object) of everything that names `uid` as an owner."""
        found = []
        for kept, namespace, name in self._by_owner.get(uid, {}):
            item = self.get(kept, namespace, name)
            if item is not None and resource in (None, kept):
                found.append((kept, item))
        return found

    def insert(self, kind: Kind, item: dict[str, Any]) -> Object:
        """Store a new object with uid, creationTimestamp and resourceVersion."""
        metadata = item["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata["creationTimestamp"] = now()
        return self._commit(Change.ADDED, kind.resource, item, None)

    def replace(self, resource: str, before: Object, item: dict[str, Any]) -> Object:
        """Store the object's next state."""
        return self._commit(Change.MODIFIED, resource, item, before)

    def remove(self, resource: str, item: Object) -> Object:
        """Forget the object."""
        return self._commit(Change.DELETED, resource, {**item, "metadata": dict(item["metadata"])}, item)

    def restore(self, change: Change, resource: str, item: dict[str, Any]) -> None:
        """Take a commit of an earlier process over, with its resourceVersion, and tell nobody."""
        version = int(item["metadata"]["resourceVersion"])
        before = self.get(resource, *_place(item))
        self._keep(Commit(version, change, resource, item, before))

    def _commit(self, change: Change, resource: str, item: dict[str, Any], before: Object | None) -> Object:
        item["metadata"]["resourceVersion"] = str(self.version + 1)
        commit = Commit(self.version + 1, change, resource, item, before)
        self._keep(commit)
        self.commits += 1
        for listener in self._listeners:
            listener(commit)
        return item

    def _keep(self, commit: Commit) -> None:
        self.version = max(self.version, commit.version)
        namespace, name = _place(commit.item)
        key = (commit.resource, namespace, name)
        objects = self._objects.setdefault(commit.resource, {}).setdefault(namespace, {})
        for owner in _owners(commit.before):
            self._by_owner.get(owner, {}).pop(key, None)
        if commit.change is Change.DELETED:
            objects.pop(name, None)
            if not objects:
                del self._objects[commit.resource][namespace]
        else:
            objects[name] = commit.item
            for owner in _owners(commit.item):
                self._by_owner.setdefault(owner, {})[key] = None
        self.history.append(commit)


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _owners(item: Object | None) -> list[str]:
    return [owner["uid"] for owner in (item or {}).get("metadata", {}).get("ownerReferences") or ()]
