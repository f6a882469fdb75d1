"""Where a workload keeps its pods' template, and which of its containers a pattern means."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from countersign.errors import PermanentTargetError, TargetNotFound

_WITH_TEMPLATE = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})


def template_of(live: Mapping[str, Any], kind: str) -> Any:
    """Return the pod template of a workload (a pod is its own). Raises PermanentTargetError for other kinds."""
    if kind == "Pod":
        return live
    if kind in _WITH_TEMPLATE:
        return live["spec"]["template"]
    if kind == "CronJob":
        return live["spec"]["jobTemplate"]["spec"]["template"]
    raise PermanentTargetError(f"{kind} has no pod template", hint="name a Deployment, StatefulSet or DaemonSet")


def containers_of(template: Mapping[str, Any]) -> Iterator[Any]:
    """Yield containers, then init containers: the order in which kubectl changes them."""
    yield from template["spec"].get("containers") or ()
    yield from template["spec"].get("initContainers") or ()


def matching_containers(template: Mapping[str, Any], pattern: str, *, of: str) -> list[Any]:
    """Return the containers that kubectl's -c means: a name, or a pattern with *. Raises TargetNotFound."""
    expression = re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
    found = [item for item in containers_of(template) if expression.fullmatch(item["name"])]
    if not found:
        names = tuple(item["name"] for item in containers_of(template))
        raise TargetNotFound(
            f"{of} has no container {pattern!r}", candidates=names, hint=f"its containers: {', '.join(names)}"
        )
    return found


def pods_of(live: Mapping[str, Any], kind: str) -> int | None:
    """Return how many pods an object stands for now, None where that cannot be told from it."""
    match kind:
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            return int(live["spec"].get("replicas", 1))
        case "DaemonSet":
            return int((live.get("status") or {}).get("desiredNumberScheduled", 0))
        case "Job":
            return int((live.get("status") or {}).get("active", 0))
        case "Pod":
            return 1
    return None
