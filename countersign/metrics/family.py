"""A declared metric: what it is called, what it tells, which labels it has and what values these can have.

Label values are known beforehand, or bounded: what comes after `most` different ones is counted as "other". Where all
of them are known, every series is there from the start at 0, so that an alert sees the first increase.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import prod
from threading import Lock
from typing import Final

import prometheus_client
from prometheus_client.metrics import MetricWrapperBase

OTHER: Final = "other"
PREPARED: Final = 400
"""A family with more combinations than this of known values has its series once they occur."""


class Process(StrEnum):
    """Who exposes a metric."""

    WEB = "web"
    WORKER = "worker"


WEB: Final = (Process.WEB,)
WORKER: Final = (Process.WORKER,)
BOTH: Final = (Process.WEB, Process.WORKER)


@dataclass(frozen=True)
class Label:
    """A label and its values."""

    name: str
    values: tuple[str, ...] = ()
    """All that there are; none named where they come from outside."""
    most: int = 50
    """How many different ones are told apart where they come from outside."""


def of(name: str, values: Iterable[str]) -> Label:
    """Return a label whose values are all known."""
    return Label(name, tuple(str(value) for value in values))


class Family:
    """A metric with all of its series. Subclasses say what can be done with it."""

    kind: str

    def __init__(self, name: str, told: str, *labels: Label, where: Sequence[Process]) -> None:
        """`name` is the whole name as it is exposed; `told` a sentence for the documentation."""
        self.name, self.told, self.labels, self.where = name, told, labels, tuple(where)
        DECLARED.append(self)

    @property
    def names(self) -> tuple[str, ...]:
        """The labels' names."""
        return tuple(label.name for label in self.labels)

    @property
    def series(self) -> int:
        """The most series that it can have, buckets not counted."""
        return prod(len(label.values) or label.most + 1 for label in self.labels)


DECLARED: Final[list[Family]] = []
"""Every family, in the order in which they are declared."""


class Kept(Family):
    """A metric whose numbers are kept in this process."""

    def __init__(self, name: str, told: str, *labels: Label, where: Sequence[Process]) -> None:
        super().__init__(name, told, *labels, where=where)
        self._known: dict[str, set[str]] = {label.name: set(label.values) for label in labels}
        self._lock = Lock()
        self.collector = self._made()

    def _made(self) -> MetricWrapperBase:
        raise NotImplementedError

    def prepare(self) -> None:
        """Have every series whose labels are known, at 0."""
        if self.labels and all(label.values for label in self.labels) and self.series <= PREPARED:
            for values in product(*(label.values for label in self.labels)):
                self.collector.labels(*values)

    def expect(self, values: Iterable[str]) -> None:
        """Have the series of these values of the only label, at 0."""
        (label,) = self.names
        for value in values:
            self._of({label: value})

    def _of(self, given: Mapping[str, str]) -> MetricWrapperBase:
        if given.keys() != self._known.keys():
            raise TypeError(f"{self.name} has the labels {', '.join(self.names) or '(none)'}")
        if not self.labels:
            return self.collector
        return self.collector.labels(*(self._bounded(label, given[label.name]) for label in self.labels))

    def _bounded(self, label: Label, value: str) -> str:
        known = self._known[label.name]
        if value in known:
            return value
        with self._lock:
            if label.values or len(known) >= label.most:
                return OTHER
            known.add(value)
        return value


class Counter(Kept):
    """Counts what happens; it only grows, from 0 at the start of its process."""

    kind = "counter"

    def _made(self) -> MetricWrapperBase:
        assert self.name.endswith("_total"), "a counter's name ends so"
        return prometheus_client.Counter(self.name, self.told, self.names, registry=None)

    def count(self, by: float = 1, **labels: str) -> None:
        """Count one more, or `by` more."""
        found = self._of(labels)
        assert isinstance(found, prometheus_client.Counter)
        found.inc(by)


class Gauge(Kept):
    """Says how much there is at the moment."""

    kind = "gauge"

    def _made(self) -> MetricWrapperBase:
        return prometheus_client.Gauge(self.name, self.told, self.names, registry=None)

    def set(self, value: float, **labels: str) -> None:
        """Say how much it is."""
        self._gauge(labels).set(value)

    def read(self, ask: Callable[[], float], **labels: str) -> None:
        """Have `ask` say how much it is whenever somebody wants to know."""
        self._gauge(labels).set_function(ask)

    def add(self, by: float, **labels: str) -> None:
        """Say that it is so much more."""
        self._gauge(labels).inc(by)

    def _gauge(self, labels: Mapping[str, str]) -> prometheus_client.Gauge:
        found = self._of(labels)
        assert isinstance(found, prometheus_client.Gauge)
        return found


class Histogram(Kept):
    """Says how long something took: in seconds, by bucket."""

    kind = "histogram"

    def __init__(
        self, name: str, told: str, *labels: Label, where: Sequence[Process], buckets: Sequence[float]
    ) -> None:
        """`buckets` are their upper bounds in seconds."""
        assert name.endswith("_seconds"), "a duration's name ends so"
        self.buckets = tuple(buckets)
        super().__init__(name, told, *labels, where=where)

    def _made(self) -> MetricWrapperBase:
        return prometheus_client.Histogram(self.name, self.told, self.names, registry=None, buckets=self.buckets)

    def took(self, seconds: float, **labels: str) -> None:
        """Note that it took so long."""
        found = self._of(labels)
        assert isinstance(found, prometheus_client.Histogram)
        found.observe(seconds)


class Read(Family):
    """What is read from the records whenever it is asked for; no process keeps it."""

    def __init__(self, name: str, told: str, *labels: Label, kind: str = "gauge") -> None:
        """`kind` is "gauge" or "counter"."""
        self.kind = kind
        super().__init__(name, told, *labels, where=WEB)
