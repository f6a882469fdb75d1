"""How an object's pods fare, against how they fared before. Pure, over the facts that `observe` keeps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
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


def made_since(before: Facts | None, now: Facts | None, *, template_changed: bool) -> list[Facts]:
    """Return the pods that were made since the baseline; of another revision where the action makes one.

    A pod of a revision from before that another node had to take over says nothing about our change.
    """
    was = (before or {}).get("pods") or ()
    known = {pod["uid"] for pod in was}
    revisions = {pod.get("revision") for pod in was} - {None} if template_changed else set()
    return [pod for pod in pods_of(now) if pod["uid"] not in known and pod.get("revision") not in revisions]


def failing_since(uid: str, samples: Sequence[Facts | None]) -> int:
    """Return the index of the sample from which on a pod, failing in the newest one, was failing and never ready."""
    since = len(samples) - 1
    for index in range(len(samples) - 1, -1, -1):
        found = [pod for pod in pods_of(samples[index]) if pod["uid"] == uid]
        if not found or found[0]["ready"]:
            break
        if failing_of(found):
            since = index
    return since


def restarts_since(before: Facts | None, now: Facts | None) -> int:
    """Count restarts by pod: since the baseline, for pods that were there, else all."""
    known = {pod["uid"]: pod["restarts"] for pod in pods_of(before)}
    return sum(max(0, pod["restarts"] - known.get(pod["uid"], 0)) for pod in pods_of(now))


def times_restarted(uids: Collection[str], samples: Sequence[Facts | None]) -> int:
    """Return how often the restarts of one of these pods rose from one sample to the next, the most of them all."""
    most = 0
    for uid in uids:
        counts = [pod["restarts"] for sample in samples for pod in pods_of(sample) if pod["uid"] == uid]
        most = max(most, sum(later > earlier for earlier, later in pairwise(counts)))
    return most


def new_warnings(before: Facts | None, now: Facts) -> list[str]:
    """Return the warning events that came, or came again, since the baseline; none without a baseline."""
    if before is None:
        return []
    known = {_event(item): item["count"] for item in before.get("warnings") or ()}
    until = _moment(before.get("warned_until"))
    return [
        f"{item['object']}: {item['reason']}: {item['message']}"
        for item in now.get("warnings") or ()
        # Of what was well then, the baseline knows no events; what came before it is told by their time.
        if item["count"] > known.get(_event(item), 0)
        and not (_event(item) not in known and until and (last := _moment(item["last"])) and last < until)
    ]


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def _event(item: Facts) -> tuple[Any, ...]:
    return item["object"], item["uid"], item["reason"], item["message"]
