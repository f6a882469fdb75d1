"""Counters of how anomalies were disposed of: what the records come to, so that writing them twice is harmless."""

from collections.abc import Mapping

from redis import Redis

from countersign.memory.connection import PREFIX, asking

KEPT_SECONDS = 90 * 24 * 3600
"""An anomaly that has not been seen for this long is counted from the records when it comes back."""


class Counters:
    """The counters in one Redis. Every method raises MemoryUnavailable when Redis cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def put(self, anomaly_key: str, counts: Mapping[str, int]) -> None:
        """Make the anomaly's counters `counts`, whatever they were."""
        key = _key(anomaly_key)
        with asking(), self._redis.pipeline(transaction=True) as together:
            together.delete(key)
            if counts:
                together.hset(key, mapping={name: str(count) for name, count in counts.items()})
                together.expire(key, KEPT_SECONDS)
            together.execute()

    def read(self, anomaly_key: str) -> Mapping[str, int]:
        """Return the anomaly's counters, empty where there are none."""
        with asking():
            found: Mapping[str, str] = self._redis.hgetall(_key(anomaly_key))  # type: ignore[assignment]
        return {name: int(count) for name, count in found.items()}

    def clear(self) -> None:
        """Drop all counters, also of anomalies that the records do not know."""
        with asking():
            for key in self._redis.scan_iter(match=_key("*"), count=500):
                self._redis.delete(key)


def _key(anomaly_key: str) -> str:
    return f"{PREFIX}disposition:{anomaly_key}"
