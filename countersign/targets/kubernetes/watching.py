"""A cluster that tells by itself when an object becomes another, by a watch.

What a watch tells is the reason to look, and at most the first look itself; verdicts rest on what was read. Where
there is no watch (a right is missing, a proxy keeps the answer back) everything is read at intervals.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

import urllib3

from countersign.actions.operation import Verb
from countersign.errors import TargetError
from countersign.logging import get_logger
from countersign.targets.kubernetes.believing import asked_of, doubt
from countersign.targets.kubernetes.connection import Connection, segment
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.observe import Observer, facts_of, observed
from countersign.targets.kubernetes.rollout_status import KINDS, rollout_of
from countersign.targets.kubernetes.workload_pods import WORKLOADS
from countersign.targets.model import ObjectRef, Plan, Snapshot

logger = get_logger(__name__)
WATCHED_AT_MOST: Final = 4
WATCHED_KINDS: Final = WORKLOADS | {"Pod", "Node"}
"""What of others decides changes with their own request alone."""
WATCH_SECONDS: Final = 300
"""The server ends a watch after so long; it is opened again then."""
SHORTEST_SECONDS: Final = 1.0
REOPENED_AT_MOST: Final = 20
FIRST_SECONDS: Final = 2.0
"""For so long a watch may take to tell what is there."""
GONE: Final = 410


class Watch:
    """One collection or object, as the API server tells of it. A context manager; what it tells is kept by uid.

    Begins with what is there ("Get State and Start at Most Recent" of the API concepts), and again so where the
    server has forgotten the version that it came to (410).
    """

    def __init__(
        self, connection: Connection, path: str, query: Mapping[str, str], *, since: str | None = None
    ) -> None:
        """`path` is a collection's; `since` the resourceVersion of a list that was read of it."""
        self._connection, self._path, self._query = connection, path, dict(query)
        self._version = since
        self._response: urllib3.BaseHTTPResponse | None = None
        self._closed = False
        self._ended = 0
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self.live: dict[str, Mapping[str, Any]] = {}
        """The objects that are there by what was told, by uid."""
        self.gone: set[str] = set()
        """The uids of those that were told to be deleted."""
        self.count = 0
        """How many events there were."""
        self.failed = False
        """True once nothing will be told any more."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed, response = True, self._response
        if response is not None:
            _end(response)

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until there were more than `seen` events, or for so many seconds; return how many there were."""
        with self._told:
            self._told.wait_for(lambda: self.count > seen or self.failed, seconds)
            return self.count

    def _run(self) -> None:
        try:
            while not self._closed:
                self._once()
        except (TargetError, urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError, KeyError) as error:
            # A stream that is shut down under its reader ends in one of these, too.
            if not self._closed:
                logger.info("no watch; it is read at intervals", path=self._path, error=type(error).__name__)
        finally:
            with self._told:
                self.failed = True
                self._told.notify_all()

    def _once(self) -> None:
        query = {**self._query, **({"resourceVersion": self._version} if self._version else {})}
        response = self._connection.watch(self._path, query, seconds=WATCH_SECONDS, what=f"watch {self._path}")
        with self._lock:
            if self._closed:
                _end(response)
                return
            self._response = response
        began, told = monotonic(), self.count
        try:
            if response.status == GONE:
                self._version = None
                return
            for line in _lines(response):
                self._take(json.loads(line))
        finally:
            response.close()
        self._ended += 1
        if (self.count == told and monotonic() - began < SHORTEST_SECONDS) or self._ended > REOPENED_AT_MOST:
            raise ValueError("the watch does not last")

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            if item.get("code") != GONE:
                raise ValueError("the watch ended with an error")
            self._version = None
            return
        metadata = item["metadata"]
        if kind != "BOOKMARK":
            asked = asked_of(f"{self._path}/{segment(str(metadata['name']))}")
            if asked is not None and asked.namespace is None and metadata.get("namespace"):
                asked = asked_of(_namespaced(self._path, metadata["namespace"], metadata["name"]))
            if asked is not None and doubt(asked, item):
                raise ValueError("an event is about something else")
        with self._told:
            self._version = metadata["resourceVersion"]
            if kind == "DELETED":
                self.live.pop(metadata["uid"], None)
                self.gone.add(metadata["uid"])
            elif kind != "BOOKMARK":
                self.live[metadata["uid"]] = item
            self.count += kind != "BOOKMARK"
            self._told.notify_all()


class WatchedObjects:
    """Looks at a plan's objects (targets.model.Looking) and is told when one of them takes a turn."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._observer = Observer(connection, plan)
        self._watches: dict[str, tuple[ObjectRef, Watch]] = {}
        self._turns: dict[str, object] = {}
        self._looked = False
        self._stack = ExitStack()
        self._moment = ExitStack()
        # What is deleted by the plan tells nothing once it is gone.
        leaving = {ref.key for ref in plan.refs} if plan.verb == Verb.DELETE else set()
        refs = [ref for ref in observed(plan) if ref.key not in leaving and ref.kind in WATCHED_KINDS]
        if len(refs) <= WATCHED_AT_MOST:
            for ref in refs:
                query = {"fieldSelector": f"metadata.name={ref.name}"}
                path = list_path(connection, ref.kind, ref.namespace)
                self._watches[ref.key] = (ref, Watch(connection, path, query))

    def __enter__(self) -> Self:
        for _ref, watch in self._watches.values():
            self._stack.enter_context(watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._moment.close()
        self._stack.close()

    @property
    def is_told(self) -> bool:
        """True while every object that is watched was told of."""
        return bool(self._watches) and all(not watch.failed and watch.count for _ref, watch in self._watches.values())

    def look(self) -> Snapshot:
        """Read the objects; the first time, what a watch began with is what is there."""
        told: dict[str, Mapping[str, Any]] = {}
        if not self._looked:
            told = {key: live for key, (_ref, watch) in self._watches.items() if (live := _first(watch)) is not None}
        # Whoever inspects the steps after a look asks about the same moment.
        self._moment.close()
        self._moment.enter_context(self._connection.moment())
        self._turns = self._turns_now()
        snapshot = self._observer.look(at=datetime.now(UTC), told=told)
        self._looked = True
        return snapshot

    def news(self) -> bool:
        """Tell whether an object took a turn since the last look."""
        return self._turns_now() != self._turns

    def complete(self, seen: Snapshot) -> Snapshot:
        """Add what events warn of."""
        return self._observer.complete(seen)

    def _turns_now(self) -> dict[str, object]:
        return {
            key: [turn(ref.kind, live) for live in list(watch.live.values())]
            for key, (ref, watch) in self._watches.items()
        }


def turn(kind: str, live: Mapping[str, Any]) -> object:
    """Return what of an object decides; where it becomes another, a verdict may."""
    facts = facts_of(live, kind)
    progress = rollout_of(kind, facts).progress if kind in KINDS else None
    pod = facts.get("pod") or {}
    return (
        facts["uid"],
        facts["generation"],
        facts["deletionTimestamp"],
        tuple(facts["finalizers"]),
        progress,
        pod.get("ready"),
        pod.get("restarts"),
        tuple(pod.get("waiting") or ()),
    )


def _first(watch: Watch) -> Mapping[str, Any] | None:
    watch.wait(0, FIRST_SECONDS)
    live = list(watch.live.values())
    return live[0] if len(live) == 1 and not watch.gone else None


def _namespaced(path: str, namespace: str, name: str) -> str:
    root, _, plural = path.rpartition("/")
    return f"{root}/namespaces/{segment(namespace)}/{plural}/{segment(name)}"


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    held = b""
    for chunk in _chunks(response):
        *whole, held = (held + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())


def _chunks(response: Any) -> Iterator[bytes]:
    """Yield what comes as it comes, and not a buffer once it is full."""
    if response.chunked:
        yield from response.stream(1 << 16, decode_content=True)
        return
    while chunk := response.read1(1 << 16):
        yield chunk


def _end(response: Any) -> None:
    try:
        response.shutdown()  # wakes whoever reads
    except (ValueError, RuntimeError, OSError):
        response.close()
