"""Runs the controllers: every change of an object has it, and what depends on it, looked at again soon after."""

import asyncio
import time
from collections.abc import Callable

from countersign.logging import get_logger
from sandbox.cluster.behaviours import BehaviourBook
from sandbox.cluster.controllers.autoscaler import sync_autoscaler
from sandbox.cluster.controllers.budget import sync_budget
from sandbox.cluster.controllers.daemonset import sync_daemonset
from sandbox.cluster.controllers.deployment import sync_deployment
from sandbox.cluster.controllers.garbage import collect, sync_deletion, sync_namespace
from sandbox.cluster.controllers.job import sync_job
from sandbox.cluster.controllers.kubelet import sync_pod
from sandbox.cluster.controllers.quota import sync_quota
from sandbox.cluster.controllers.replicaset import sync_replicaset
from sandbox.cluster.controllers.statefulset import sync_statefulset
from sandbox.cluster.controllers.volumes import sync_claim
from sandbox.cluster.controllers.world import Key, World
from sandbox.cluster.custom import kind_in
from sandbox.cluster.selectors import labels_of
from sandbox.cluster.status import StatusError
from sandbox.cluster.store import Change, Commit, Object, Store
from sandbox.cluster.writing import Writer

_log = get_logger(__name__)
_POLL_SECONDS = 0.01
_RETRY_SECONDS = 1.0
_SYNCS: dict[str, Callable[[World, Object], None]] = {
    "deployments.apps": sync_deployment,
    "replicasets.apps": sync_replicaset,
    "statefulsets.apps": sync_statefulset,
    "daemonsets.apps": sync_daemonset,
    "jobs.batch": sync_job,
    "pods": sync_pod,
    "poddisruptionbudgets.policy": sync_budget,
    "horizontalpodautoscalers.autoscaling": sync_autoscaler,
    "namespaces": sync_namespace,
    "persistentvolumeclaims": sync_claim,
    "resourcequotas": sync_quota,
}


_OWN_ENDS = ("pods", "namespaces", "persistentvolumeclaims")
"""What is ended by its own controller."""


class Manager:
    """The controllers of one store. Lives on the server's loop."""

    def __init__(self, store: Store, writer: Writer, behaviours: BehaviourBook, *, speed: float) -> None:
        self.world = World(store, writer, behaviours, later=self._later, speed=speed)
        self._store = store
        self._queue: dict[Key, None] = {}
        self._timers: dict[tuple[Key, bool], asyncio.TimerHandle] = {}
        self._tick: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        store.listen(self._changed)

    def start(self) -> None:
        """Begin with everything that there is."""
        self._loop = asyncio.get_running_loop()
        for resource in (*_SYNCS, "nodes"):
            for item in self._store.list(resource):
                self._enqueue((resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    def stop(self) -> None:
        """Do nothing any more."""
        for handle in (*self._timers.values(), *([self._tick] if self._tick else [])):
            handle.cancel()
        self._loop = None

    async def idle(self) -> None:
        """Wait until nothing is due, slow things (back-off, deadlines) apart."""
        while self._queue or any(not background for _, background in self._timers):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)

    def _changed(self, commit: Commit) -> None:
        metadata = commit.item["metadata"]
        namespace = metadata.get("namespace", "")
        if commit.change is Change.DELETED:
            collect(self.world, commit.item)
        self._enqueue((commit.resource, namespace, metadata["name"]))
        for owner in metadata.get("ownerReferences") or ():
            plural = owner["kind"].lower() + "s"
            group = owner["apiVersion"].partition("/")[0] if "/" in owner["apiVersion"] else ""
            self._enqueue((f"{plural}.{group}" if group else plural, namespace, owner["name"]))
        if commit.resource == "pods":
            if commit.before is not None and labels_of(commit.before) != labels_of(commit.item):
                self._enqueue_all("replicasets.apps", namespace)
            if commit.change is Change.DELETED:
                # Recreate waits until the last old pod is gone, which changes no ReplicaSet's counters.
                self._enqueue_all("deployments.apps", namespace)
                self._enqueue_all("persistentvolumeclaims", namespace)
            self._enqueue_all("poddisruptionbudgets.policy", namespace)
        elif commit.resource == "storageclasses.storage.k8s.io":
            self._enqueue_all("persistentvolumeclaims", None)
        elif commit.resource == "nodes":
            self._enqueue_all("daemonsets.apps", None)
            for pod in self._store.list("pods"):
                if pod["spec"].get("nodeName") in (None, "", metadata["name"]):
                    self._enqueue(("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]))
        elif commit.resource in ("deployments.apps", "statefulsets.apps"):
            self._enqueue_all("horizontalpodautoscalers.autoscaling", namespace)
            self._enqueue_all("poddisruptionbudgets.policy", namespace)
        if commit.resource != "events":
            self._enqueue_all("resourcequotas", namespace)
        terminating = self._store.get("namespaces", "", namespace)
        if terminating is not None and terminating["metadata"].get("deletionTimestamp"):
            self._enqueue(("namespaces", "", namespace))

    def _enqueue_all(self, resource: str, namespace: str | None) -> None:
        for item in self._store.list(resource, namespace):
            self._enqueue((resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    def _enqueue(self, key: Key) -> None:
        self._queue[key] = None
        if self._tick is None and self._loop is not None:
            self._tick = self._loop.call_soon(self._run)

    def _later(self, key: Key, seconds: float, background: bool) -> None:
        if self._loop is None:
            return
        slot = (key, background)
        due = time.monotonic() + seconds
        known = self._timers.get(slot)
        if known is not None:
            if known.when() <= self._loop.time() + (due - time.monotonic()):
                return
            known.cancel()
        self._timers[slot] = self._loop.call_later(seconds, self._due, slot)

    def _due(self, slot: tuple[Key, bool]) -> None:
        self._timers.pop(slot, None)
        self._enqueue(slot[0])

    def _run(self) -> None:
        self._tick = None
        queue, self._queue = self._queue, {}
        for resource, namespace, name in queue:
            item = self._store.get(resource, namespace, name)
            if item is None:
                continue
            try:
                if item["metadata"].get("deletionTimestamp") and resource not in _OWN_ENDS:
                    sync_deletion(self.world, kind_in(self._store, resource), item)
                elif sync := _SYNCS.get(resource):
                    sync(self.world, item)
            except StatusError as error:
                # As in a real controller: the next look decides again.
                self.world.event(item, "Warning", "FailedSync", error.message)
                self._later((resource, namespace, name), _RETRY_SECONDS, True)
            except Exception:  # noqa: BLE001
                # The boundary of a controller: an object that it cannot bear must not stop all the others.
                _log.exception("controller_failed", resource=resource, namespace=namespace, name=name)
                self._later((resource, namespace, name), _RETRY_SECONDS, True)
