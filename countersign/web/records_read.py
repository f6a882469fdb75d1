"""What the records say, as samples: read at most once in some seconds, however many ask.

The records may be away or slow: then `countersign_records_up` is 0, all else of them is absent, and the answer waits
for no longer than a statement may take.
"""

import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from countersign.errors import CountersignError
from countersign.logging import get_logger
from countersign.metrics.family import Read
from countersign.metrics.records import UP
from countersign.records.database.engine import transaction
from countersign.records.measures import Measures, Values, measured

KEPT_SECONDS: Final = 5.0
_log = get_logger(__name__)


class RecordsRead(Collector):
    """Reads the records for whoever asks for the numbers."""

    def __init__(
        self, engine: Callable[[], Engine], *, kept: float = KEPT_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`kept` is for how many seconds what was read is shown again."""
        self._engine, self._kept, self._now = engine, kept, now
        self._lock = Lock()
        self._read_at: float | None = None
        self._known: Measures | None = None

    def describe(self) -> Iterator[Metric]:
        """Name nothing: what is registered is not read for it."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every family of which there is something to say."""
        found = self._measures()
        yield _samples(UP, {(): float(found is not None)})
        for family, values in (found or {}).items():
            yield _samples(family, values)

    def _measures(self) -> Measures | None:
        with self._lock:
            if self._read_at is None or self._now() - self._read_at >= self._kept:
                self._known = self._read()
                self._read_at = self._now()
            return self._known

    def _read(self) -> Measures | None:
        try:
            with transaction(self._engine()) as session:
                return measured(session)
        except CountersignError as error:
            _log.warning("the records are not measured", error=type(error).__name__)
            return None


def _samples(family: Read, values: Values) -> Metric:
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    made = make(family.name, family.told, labels=family.names)
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made
