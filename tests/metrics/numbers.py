"""Reading numbers as a scrape shows them."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from countersign.metrics.exposition import registry_of, shown
from countersign.metrics.family import Process

Numbers = dict[str, float]


def read(text: str) -> Numbers:
    """Return every sample by how it is written: name{label="value",…}, labels by name."""
    found: Numbers = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def numbers(registry: CollectorRegistry) -> Numbers:
    """Return every sample of a registry."""
    return read(shown(registry, None)[0].decode())


@contextmanager
def counted(process: Process = Process.WORKER) -> Iterator[Numbers]:
    """Fill what is yielded with what the block adds to this process's numbers."""
    registry = registry_of(process)
    before, added = numbers(registry), Numbers()
    yield added
    for name, value in numbers(registry).items():
        if name.startswith("countersign_") and value != before.get(name, 0):
            added[name] = value - before.get(name, 0)
