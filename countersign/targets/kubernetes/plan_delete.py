"""Pure: the requests that delete or evict one object, bound to its uid."""

from collections.abc import Mapping
from typing import Any

from countersign.actions.operation import DeleteParameters


def delete_options(uid: str, parameters: DeleteParameters) -> dict[str, Any]:
    """Return DeleteOptions for exactly the object with `uid`, with kubectl's defaults.

    kubectl delete: dependents go in the background; --force alone means no grace period; a grace period of 0
    without --force becomes 1, so that nothing is lost by accident.
    """
    return _options(uid, grace_period(parameters), propagate=True)


def grace_period(parameters: DeleteParameters) -> int | None:
    """Return the seconds to ask for, None for the object's own."""
    seconds = parameters.grace_period_seconds
    if seconds is not None and seconds < 0:
        seconds = None
    if parameters.force:
        return 0 if seconds is None else seconds
    return 1 if seconds == 0 else seconds


def eviction(pod: Mapping[str, Any], *, version: str, grace_period_seconds: int | None) -> dict[str, Any]:
    """Return the Eviction of exactly this pod. `version` is the policy group's: v1, or v1beta1 before 1.22."""
    metadata = pod["metadata"]
    return {
        "apiVersion": f"policy/{version}",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": _options(metadata["uid"], grace_period_seconds, propagate=False),
    }


def _options(uid: str, seconds: int | None, *, propagate: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
    if propagate:
        options["propagationPolicy"] = "Background"
    if seconds is not None and seconds >= 0:
        options["gracePeriodSeconds"] = seconds
    return options
