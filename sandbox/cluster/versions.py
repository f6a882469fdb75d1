"""One stored form, several served: HorizontalPodAutoscaler in autoscaling/v1 is a view on autoscaling/v2."""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.kinds import Kind

_V1 = "autoscaling/v1"


def served(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored object in the version of `kind`."""
    if kind.schema is not None:
        return {**item, "apiVersion": kind.api_version}
    if kind.api_version != _V1:
        return dict(item)
    spec = dict(item.get("spec") or {})
    status = dict(item.get("status") or {})
    for metric in spec.pop("metrics", ()):
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu" and "averageUtilization" in resource.get("target", {}):
            spec["targetCPUUtilizationPercentage"] = resource["target"]["averageUtilization"]
    spec.pop("behavior", None)
    for metric in status.pop("currentMetrics", ()):
        current = (metric.get("resource") or {}).get("current") or {}
        if "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
    status.pop("conditions", None)
    return {**item, "apiVersion": _V1, "spec": spec, "status": status}


def to_stored(kind: Kind, item: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an object that came in the version of `kind` in the stored one; what v1 cannot say stays as it was."""
    if kind.api_version != _V1:
        return item
    old = (before or {}).get("spec") or {}
    spec = dict(item.get("spec") or {})
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    others = [metric for metric in old.get("metrics", ()) if (metric.get("resource") or {}).get("name") != "cpu"]
    if wanted is not None:
        target = {"type": "Utilization", "averageUtilization": wanted}
        others = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}, *others]
    if others:
        spec["metrics"] = others
    if "behavior" in old:
        spec["behavior"] = old["behavior"]
    return {**item, "apiVersion": "autoscaling/v2", "spec": spec, "status": (before or {}).get("status", {})}
