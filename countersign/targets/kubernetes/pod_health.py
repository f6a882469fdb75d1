"""How an object's pods fare, against how they fared before. Pure, over the facts that `observe` keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]

# Why kubelet keeps a container waiting when it will not start by itself.
FAILING = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "StartError",
        "PostStartHookError",
    }
)


@dataclass(frozen=True)
class Failing:
    """A pod that does not start."""

    name: str
    uid: str
    reason: str


def pods_of(facts: Facts | None) -> list[Facts]:
    """Return the pods of an object that are meant to stay."""
    return [pod for pod in (facts or {}).get("pods") or () if not pod["terminating"] and pod["phase"] != "Succeeded"]


def failing_of(pods: Sequence[Facts]) -> list[Failing]:
    """Return those that kubelet cannot start."""
    found = []
    for pod in pods:
        reasons = [reason for reason in pod["waiting"] if reason in FAILING]
        if not reasons and pod["phase"] == "Failed":
            reasons = ["Failed"]
        if reasons:
            found.append(Failing(pod["name"], pod["uid"], reasons[0]))
    return found


def ready_of(facts: Facts | None) -> int:
    """Return how many pods of a workload are ready, by its own counters."""
    status = (facts or {}).get("status") or {}
    return int(status.get("readyReplicas", status.get("numberReady", 0)))


def wanted_of(kind: str, facts: Facts) -> int:
    """Return how many pods a workload is meant to have."""
    if kind == "DaemonSet":
        return int((facts.get("status") or {}).get("desiredNumberScheduled", 0))
    return int((facts.get("spec") or {}).get("replicas", 1))


def was_healthy(before: Facts | None) -> bool | None:
    """Tell whether no pod was failing before; None where nobody looked."""
    if before is None or not before.get("exists"):
        return None
    return not failing_of(pods_of(before))


@dataclass(frozen=True)
class Restarts:
    """Containers that were started again since the effect."""

    count: int
    rising: bool
    """More between the first sample and the newest one, a second time, or in a pod that is not ready."""


def restarts_since(before: Facts | None, first: Facts | None, now: Facts | None) -> Restarts:
    """Compare restart counts by pod: with the baseline, for pods that were there, else with none."""
    known = {pod["uid"]: pod["restarts"] for pod in pods_of(before)}
    at_first = {pod["uid"]: pod["restarts"] for pod in pods_of(first)}
    total, rising = 0, False
    for pod in pods_of(now):
        rose = max(0, pod["restarts"] - known.get(pod["uid"], 0))
        later = max(0, pod["restarts"] - at_first.get(pod["uid"], pod["restarts"]))
        total += rose
        rising = rising or later > 0 or rose > 1 or (rose > 0 and not pod["ready"])
    return Restarts(total, rising)


def new_warnings(before: Facts | None, now: Facts) -> list[str]:
    """Return the warning events that came, or came again, since the baseline; none without a baseline."""
    if before is None:
        return []
    known = {_event(item): item["count"] for item in before.get("warnings") or ()}
    return [
        f"{item['object']}: {item['reason']}: {item['message']}"
        for item in now.get("warnings") or ()
        if item["count"] > known.get(_event(item), 0)
    ]


def _event(item: Facts) -> tuple[Any, ...]:
    return item["object"], item["uid"], item["reason"], item["message"]


def fingerprint(facts: Facts | None) -> tuple[Any, ...]:
    """Return what changes while a rollout gets on: counters, and which pods there are and how they are."""
    status = (facts or {}).get("status") or {}
    pods = tuple(sorted((pod["uid"], pod["ready"], tuple(pod["waiting"])) for pod in (facts or {}).get("pods") or ()))
    return tuple(sorted((key, value) for key, value in status.items() if isinstance(value, int))), pods
