"""Where a cell is played: a namespace of its own on the cluster, read and watched without the proxy.

Effects are counted by the API server's own record: what a watch tells of the object since the execution began.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.contract.api import MERGE, Api, wait_for
from tests.contract.namespace import Namespace
from tests.contract.objects import job as a_job
from tests.faults.proxy.jobs import DRAINED, MADE, Job, drained_pod

BYSTANDER = "bystander"
_END = "end-of-the-cell"
_CONTROLLERS = (
    "deployment.kubernetes.io/", "autoscaling.alpha.kubernetes.io/", "node.alpha.kubernetes.io/",
)  # fmt: skip
"""Annotations that controllers of the cluster write by themselves."""
_BY_CONDITION = "node.kubernetes.io/"
"""Taints that the node controller sets."""


@dataclass
class Effects:
    """What happened to the cluster during a cell."""

    times: Counter[str] = field(default_factory=Counter)
    """How often each effect happened: "change", "delete shop-0", "evict a"."""
    undone: frozenset[str] = frozenset()
    """Effects of the action that did not happen, or that the object does not show any more."""
    others: tuple[str, ...] = ()
    """Objects that the action was not about and that were changed."""


class Scene:
    """One operation's object, and another one of its kind that nothing may happen to."""

    def __init__(self, api: Api, job: Job) -> None:
        self.api, self.job = api, job
        self.ns = Namespace(api, f"proxy-{uuid.uuid4().hex[:8]}")
        self.name = job.name_of_subject.format(ns=self.ns.name)
        self.action = job.action.format(ns=self.ns.name, node=self.name)
        self.path = self._path(job.resource, self.name)
        self.older: Any = None
        """The object as it was before its last version."""
        self._began: dict[str, Any] = {}

    @property
    def collections(self) -> tuple[str, ...]:
        """The resources that are watched."""
        return (self.job.resource, self.job.also) if self.job.also else (self.job.resource,)

    @property
    def wanted(self) -> frozenset[str]:
        """The effects of the action."""
        if self.job.removes:
            return frozenset({f"delete {self.name}"})
        if self.job.also == "jobs":
            return frozenset({f"create {MADE}"})
        evicted = [f"evict {name}" for name in DRAINED] if self.job.also == "pods" else []
        return frozenset({"change", *evicted})

    def make(self) -> None:
        """Create everything, wait until controllers have nothing to do, and note where the cell begins."""
        metadata = {"name": self.ns.name}
        self.api.request("POST", "/api/v1/namespaces", {"metadata": metadata}).ok()
        for name in (self.name, self._bystander(self.job.resource)):
            self._create(name)
        if self.job.also == "jobs":
            self.ns.create("jobs", a_job(BYSTANDER))
        if self.job.also == "pods":
            for name in (*DRAINED, BYSTANDER):
                self.ns.create_pod(drained_pod(name, self.name if name in DRAINED else self._bystander("nodes")))
        first = self._settled()
        if self.job.change:
            self._merge(self.path, dict(self.job.change))
            self._settled(revision=2)
        self.older = first if self.job.change else self.api.get(self.path).ok()
        if not self.job.change:
            self._merge(self.path, {"metadata": {"labels": {"version": "second"}}})
            self._settled()
        self._began = {each: self.api.get(self._path(each)).ok() for each in self.collections}

    def effects(self) -> Effects:
        """Return what has happened since `make`, by watches that go on until a change of our own is seen."""
        found = Effects()
        others: list[str] = []
        done: set[str] = set()
        for resource in self.collections:
            states = self._states(resource)
            for (name, uid), history in states.items():
                self._count(resource, name, uid, history, found.times, others, done)
        found.undone = self.wanted - done
        found.others = tuple(others)
        return found

    def remove(self) -> None:
        """Ask for everything to be removed."""
        for each in ("nodes",) if self.job.resource == "nodes" else ():
            for name in (self.name, self._bystander(each)):
                self.api.request("DELETE", self._path(each, name))
        self.api.request("DELETE", f"/api/v1/namespaces/{self.ns.name}")

    # --- making ----------------------------------------------------------------------------------

    def _create(self, name: str) -> None:
        made = self.job.made(name)
        resource = made["kind"].lower() + "s"
        if resource == "nodes":
            self.api.request("POST", self._path(resource), made).ok()
            return
        if "apiVersion" not in made:
            made["apiVersion"] = self.ns.path(resource).removeprefix("/apis/").partition("/namespaces")[0]
        if self.job.resource == "pods" and name == BYSTANDER:
            self.ns.create_pod(drained_pod(name, "nowhere"))
            return
        self.ns.create(resource, made)

    def _settled(self, revision: int = 1) -> Any:
        """Wait until nothing writes to the object any more, and return it."""

        def at_rest(found: Any) -> bool:
            status, metadata = found.get("status") or {}, found["metadata"]
            if self.job.resource == "deployments":
                seen = status.get("observedGeneration") == metadata["generation"]
                number = (metadata.get("annotations") or {}).get("deployment.kubernetes.io/revision")
                return seen and (found["spec"].get("paused") or number == str(revision))
            if self.job.resource == "statefulsets":
                return status.get("observedGeneration") == metadata["generation"] and bool(
                    status.get("updateRevision")
                )
            if self.job.resource == "pods":
                return status.get("phase") == "Running"
            if self.job.resource == "jobs":
                return bool(status.get("startTime"))
            return True

        answer = wait_for(
            lambda: self.api.get(self.path),
            lambda got: got.status == 200 and at_rest(got.body),
            what=f"{self.path} at rest",
        )
        return answer.ok()

    def _path(self, resource: str, name: str = "") -> str:
        if resource == "nodes":
            return "/api/v1/nodes" + (f"/{name}" if name else "")
        return self.ns.path(resource, name)

    def _bystander(self, resource: str) -> str:
        return f"{BYSTANDER}-{self.ns.name}" if resource == "nodes" else BYSTANDER

    def _merge(self, path: str, body: Any) -> None:
        self.api.request("PATCH", path, body, content_type=MERGE).ok()

    # --- judging ---------------------------------------------------------------------------------

    def _states(self, resource: str) -> Mapping[tuple[str, str], list[Any]]:
        """Return each object's versions, oldest first; the last is None where it is gone."""
        began = self._began[resource]
        states: dict[tuple[str, str], list[Any]] = {}
        for item in began["items"]:
            states[item["metadata"]["name"], item["metadata"]["uid"]] = [item]
        marker = self._bystander(resource)
        self._merge(self._path(resource, marker), {"metadata": {"labels": {_END: "yes"}}})
        for event in self.api.watch(self._path(resource), resourceVersion=began["metadata"]["resourceVersion"]):
            item = event["object"]
            name, labels = item["metadata"]["name"], item["metadata"].get("labels") or {}
            versions = states.setdefault((name, item["metadata"]["uid"]), [])
            versions.append(None if event["type"] == "DELETED" else item)
            if name == marker and _END in labels:
                return states
        raise AssertionError(f"the watch of {resource} ended before it told of our own change")

    def _count(
        self,
        resource: str,
        name: str,
        uid: str,
        history: list[Any],
        times: Counter[str],
        others: list[str],
        done: set[str],
    ) -> None:
        going = any(item is None or item["metadata"].get("deletionTimestamp") for item in history)
        changes = _changes(history, resource)
        if self.job.also == "jobs":
            if name == MADE:
                times[f"create {name}"] += 1
                if not going:
                    done.add(f"create {name}")
            elif changes or going:
                others.append(f"{resource}/{name}")
        elif name == self.name and resource == self.job.resource and not self.job.removes:
            times["change"] += changes
            if history[-1] is not None and self.job.is_done(history[-1]):
                done.add("change")
        elif name == self.name and resource == self.job.resource:
            times[f"delete {name}"] += going
            if going:
                done.add(f"delete {name}")
        elif resource == "pods" and self.job.also == "pods" and name in DRAINED:
            times[f"evict {name}"] += going
            if going:
                done.add(f"evict {name}")
        elif name == self._bystander(resource) and (changes or going):
            others.append(f"{resource}/{name}")


def _changes(history: list[Any], resource: str) -> int:
    """Return how often the object was changed by anybody but the cluster's own controllers."""
    seen = [_essence(item, resource) for item in history]
    return sum(before != after for before, after in pairwise(seen))


def _essence(item: Any, resource: str) -> Any:
    if item is None:
        return None
    metadata, spec = item["metadata"], {**(item.get("spec") or {})}
    if resource == "nodes":
        spec["taints"] = [each for each in spec.get("taints") or () if not each["key"].startswith(_BY_CONDITION)]
    if resource == "pods":
        spec = {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _END}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if not key.startswith(_CONTROLLERS)
    }
    return spec, item.get("data"), labels, annotations


@contextmanager
def staged(api: Api, job: Job) -> Iterator[Scene]:
    """Make a scene, and ask for its removal at the end."""
    scene = Scene(api, job)
    try:
        scene.make()
        yield scene
    finally:
        scene.remove()
