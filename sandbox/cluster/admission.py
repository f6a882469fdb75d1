"""What the server adds to an object, and refuses, by looking at others: addresses, classes, quotas."""

from typing import Any

from sandbox.cluster import claims, quotas, services
from sandbox.cluster.store import Object, Store


def carried(resource: str, before: Object, item: dict[str, Any]) -> None:
    """Keep what was allocated to an object before its change is judged, in place."""
    if resource == "services":
        services.carry_over(before["spec"], item["spec"])


def admit_new(store: Store, resource: str, item: dict[str, Any], *, dry_run: bool) -> None:
    """Complete an object that is about to be stored, in place. Raises StatusError for what it cannot have."""
    quotas.admit(store, resource, item)
    if resource == "services":
        services.allocate(store, item, dry_run=dry_run)


def admit_change(store: Store, resource: str, before: Object, item: dict[str, Any], *, dry_run: bool) -> None:
    """Complete the next state of an object, in place. Raises StatusError for what it cannot have."""
    if resource == "services":
        services.allocate(store, item, dry_run=dry_run)
    elif resource == "persistentvolumeclaims":
        claims.admit_resize(store, before, item)


def completed(store: Store, resource: str, item: dict[str, Any]) -> None:
    """Add what the server knows about a new object before it is judged, in place."""
    if resource == "persistentvolumeclaims":
        claims.admit_new(store, item)
