"""How many pods a rolling update may add and take away; decisions without effects."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Any


def share(value: Any, total: int, *, up: bool) -> int:
    """Return a number or a percentage of `total` as a number."""
    if isinstance(value, str) and value.endswith("%"):
        part = total * int(value[:-1]) / 100
        return ceil(part) if up else floor(part)
    return int(value)


@dataclass(frozen=True)
class Bounds:
    """Limits of a rolling update."""

    surge: int
    unavailable: int


def bounds(strategy: dict[str, Any], replicas: int) -> Bounds:
    """Return the limits; both zero would never move, so then one may be unavailable (ResolveFenceposts)."""
    rolling = strategy.get("rollingUpdate") or {}
    surge = share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, unavailable)


def grown(*, wanted: int, new: int, total: int, surge: int) -> int:
    """Return the new ReplicaSet's next size."""
    if new >= wanted:
        return wanted
    room = wanted + surge - total
    return new if room <= 0 else min(wanted, new + room)


def shrunk(
    old: list[tuple[int, int]], *, wanted: int, new_size: int, new_available: int, unavailable: int
) -> list[int]:
    """Return the old ReplicaSets' next sizes from their (size, available), oldest first.

    What isn't available goes first; then as many as the minimum of available pods leaves over.
    """
    sizes = [size for size, _ in old]
    least = wanted - unavailable
    spare = sum(sizes) + new_size - least - (new_size - new_available)
    for index, (size, available) in enumerate(old):
        sick = min(size - available, max(spare, 0))
        sizes[index] -= max(sick, 0)
        spare -= max(sick, 0)
    extra = sum(available for _, available in old) + new_available - least
    for index, (_, available) in enumerate(old):
        taken = max(min(extra, sizes[index], available), 0)
        sizes[index] -= taken
        extra -= taken
    return sizes
