"""Pure: what cordon, uncordon and drain do to a node and its pods. The rules are kubectl's (pkg/drain)."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from countersign.actions.operation import DrainParameters
from countersign.errors import PreflightRefused

MIRROR: Final = "kubernetes.io/config.mirror"
_FINISHED: Final = frozenset({"Succeeded", "Failed"})


def cordoned(live: Mapping[str, Any], *, unschedulable: bool) -> Any:
    """Set or clear the node's `unschedulable`. The API omits false, so it goes."""
    wanted = deepcopy(dict(live))
    spec = wanted.setdefault("spec", {})
    if unschedulable:
        spec["unschedulable"] = True
    else:
        spec.pop("unschedulable", None)
    return wanted


@dataclass(frozen=True)
class Selection:
    """Which of a node's pods a drain evicts."""

    evict: tuple[Any, ...]
    wait_for: tuple[Any, ...]
    """Pods that were already terminating; they are not evicted again, but the node is empty only without them."""


def pods_to_evict(
    pods: Sequence[Any], parameters: DrainParameters, *, daemon_sets: frozenset[tuple[str, str]], node: str
) -> Selection:
    """Choose the pods, or raise PreflightRefused naming those that need a flag.

    `daemon_sets` are the (namespace, uid) of the DaemonSets that exist: a pod whose DaemonSet is gone is like one
    that nothing replaces.
    """
    evict: list[Any] = []
    waiting: list[Any] = []
    objections: dict[str, list[str]] = {}
    for pod in sorted(pods, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"])):
        metadata = pod["metadata"]
        if MIRROR in (metadata.get("annotations") or {}):
            continue
        owner = _controller(pod)
        finished = (pod.get("status") or {}).get("phase") in _FINISHED
        if owner is not None and owner.get("kind") == "DaemonSet" and not finished:
            if (metadata["namespace"], owner.get("uid")) in daemon_sets:
                if not parameters.ignore_daemonsets:
                    _object(objections, "--ignore-daemonsets", pod)
                continue
            if not parameters.force:
                _object(objections, "--force", pod)
                continue
        if metadata.get("deletionTimestamp"):
            waiting.append(pod)
            continue
        if not finished:
            if _has_emptydir(pod) and not parameters.delete_emptydir_data:
                _object(objections, "--delete-emptydir-data", pod)
            if owner is None and not parameters.force:
                _object(objections, "--force", pod)
        evict.append(pod)
    if objections:
        reasons = "; ".join(f"{flag} is needed for {', '.join(names)}" for flag, names in objections.items())
        raise PreflightRefused(f"node {node} cannot be drained: {reasons}", hint="add " + " ".join(objections))
    return Selection(tuple(evict), tuple(waiting))


def _object(objections: dict[str, list[str]], flag: str, pod: Mapping[str, Any]) -> None:
    objections.setdefault(flag, []).append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")


def _controller(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _has_emptydir(pod: Mapping[str, Any]) -> bool:
    return any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ())
