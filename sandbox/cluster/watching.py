"""Watches: the changes after a resourceVersion, as a stream of JSON lines."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from sandbox.cluster.kinds import Kind
from sandbox.cluster.listing import number, selection, unsupported_version
from sandbox.cluster.status import gone
from sandbox.cluster.store import Change, Commit, Object, Store
from sandbox.cluster.versions import served

_LONGEST_SECONDS = 1800
Shape = Callable[[dict[str, Any]], Any]


class Watches:
    """Wakes everybody who waits for the store's next change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = asyncio.Event()
        self.closed = False
        store.listen(lambda _: self._wake())

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        self._wake()

    def stream(
        self, kind: Kind, namespace: str | None, query: Mapping[str, str], shape: Shape
    ) -> AsyncIterator[bytes]:
        """Return the events until `timeoutSeconds` or the server's end. Raises StatusError for a bad question.

        `shape` is what the client wants objects as.
        """
        wanted = selection(kind, query)
        start = query.get("resourceVersion", "")
        if start and not start.isdigit():
            raise unsupported_version(start)
        if int(start or 0):
            self._refuse_forgotten(int(start))
        seconds = number(query, "timeoutSeconds") or _LONGEST_SECONDS
        return self._events(kind, namespace, query, seconds=seconds, wanted=wanted, shape=shape)

    async def _events(
        self,
        kind: Kind,
        namespace: str | None,
        query: Mapping[str, str],
        *,
        seconds: int,
        wanted: Callable[[Object], bool],
        shape: Shape,
    ) -> AsyncIterator[bytes]:
        initial = query.get("sendInitialEvents") == "true"
        last = int(query.get("resourceVersion") or 0)
        ends_at = asyncio.get_running_loop().time() + seconds
        if initial or last == 0:
            last = self._store.version
            for item in self._store.list(kind.resource, namespace):
                if wanted(item):
                    yield _line("ADDED", shape(served(kind, item)))
            if initial:
                yield _line("BOOKMARK", _bookmark(kind, last))
        while not self.closed:
            changed = self._changed
            for commit in self._after(last):
                last = commit.version
                if commit.resource == kind.resource and (event := _event(commit, namespace, wanted)):
                    yield _line(event, shape(served(kind, _shown(commit, event))))
            left = ends_at - asyncio.get_running_loop().time()
            if left <= 0:
                return
            if changed is self._changed:
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    return

    def _after(self, version: int) -> list[Commit]:
        found = []
        for commit in reversed(self._store.history):
            if commit.version <= version:
                break
            found.append(commit)
        return found[::-1]

    def _refuse_forgotten(self, version: int) -> None:
        history = self._store.history
        if len(history) == history.maxlen and version < history[0].version - 1:
            raise gone(f"{version} ({history[0].version})")


def _event(commit: Commit, namespace: str | None, wanted: Callable[[Object], bool]) -> str | None:
    if namespace is not None and commit.item["metadata"].get("namespace", "") != namespace:
        return None
    was = commit.before is not None and wanted(commit.before)
    if commit.change is Change.DELETED:
        return "DELETED" if was else None
    is_ = wanted(commit.item)
    if was and is_:
        return "MODIFIED"
    if is_:
        return "ADDED"
    return "DELETED" if was else None


def _shown(commit: Commit, event: str) -> Object:
    if event == "DELETED" and commit.change is not Change.DELETED and commit.before is not None:
        metadata = {**commit.before["metadata"], "resourceVersion": str(commit.version)}
        return {**commit.before, "metadata": metadata}
    return commit.item


def _bookmark(kind: Kind, version: int) -> dict[str, Any]:
    metadata = {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}


def _line(event: str, item: Any) -> bytes:
    return json.dumps({"type": event, "object": item}).encode() + b"\n"
