"""What a kubelet would report of a pod, as far as that follows from the pod alone.

The rules are those of Kubernetes' documentation, "Pod Lifecycle" (phases, conditions, termination); reasons and
messages are those of pkg/kubelet/status/generate.go.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.contract.control_plane.container_status import app_status, ended, init_statuses, stopped, waiting

Object = dict[str, Any]

TERMINAL = ("Succeeded", "Failed")


def is_terminal(pod: Object) -> bool:
    """Has the pod ended for good? A pod that has does not come back ("Pod phase")."""
    return pod.get("status", {}).get("phase") in TERMINAL


def running_status(pod: Object, now: str) -> Object:
    """Return the status of a pod on its node, as the body of a strategic merge patch.

    Times of what has not changed since the last report are kept; `now` (RFC 3339) is that of the rest.
    """
    spec, before = pod["spec"], pod.get("status", {})
    inits, initialized, failed = init_statuses(spec, before, now)
    if initialized:
        apps = [app_status(each, spec, before, now) for each in spec["containers"]]
    else:
        apps = [waiting(each, before, "PodInitializing") for each in spec["containers"]]
    phase = "Failed" if failed else _phase(apps, initialized)
    if phase in TERMINAL:
        # Sidecars end after the containers that they serve ("Sidecar containers and Pod lifecycle").
        inits = [ended(each, now) if "running" in each["state"] else each for each in inits]
    return _report(pod, now, phase, inits, apps, initialized=initialized)


def terminated_status(pod: Object, now: str) -> Object:
    """Return the status of a pod whose containers have been stopped because it is being deleted.

    The kubelet gives such a pod a terminal phase before it lets go of it ("Pod phase"). What ran was asked to stop
    and did; what never ran counts as failed (TerminatePod in pkg/kubelet/status/status_manager.go).
    """
    status = running_status(pod, now)
    for key in ("initContainerStatuses", "containerStatuses"):
        status[key] = [stopped(each, now) for each in status.get(key, [])]
    codes = [each["state"]["terminated"]["exitCode"] for each in status["containerStatuses"]]
    phase = "Failed" if any(codes) else "Succeeded"
    inits, apps = status["initContainerStatuses"], status["containerStatuses"]
    return _report(pod, now, phase, inits, apps, initialized=True)


def differs(wanted: Any, found: Any) -> bool:
    """Would the wanted value change the one that was found? Null is an absent field, conditions go by type."""
    if isinstance(wanted, dict):
        known = found if isinstance(found, dict) else {}
        return any(differs(value, known.get(key)) for key, value in wanted.items())
    if not isinstance(wanted, list):
        return bool(wanted != found)
    if wanted and "type" in wanted[0]:
        by_type = {each["type"]: each for each in found or []}
        return any(differs(each, by_type.get(each["type"])) for each in wanted)
    return len(wanted) != len(found or []) or any(map(differs, wanted, found or []))


def _phase(apps: Iterable[Object], initialized: bool) -> str:
    """Return the phase of a pod that no init container has failed ("Pod phase"; getPhase in kubelet_pods.go)."""
    states = [each["state"] for each in apps]
    if not initialized or any(_never_ran(each) for each in apps):
        return "Pending"
    if all("terminated" in state for state in states):
        return "Failed" if any(state["terminated"]["exitCode"] for state in states) else "Succeeded"
    return "Running"


def _never_ran(status: Object) -> bool:
    return "waiting" in status["state"] and "lastState" not in status


def _report(
    pod: Object, now: str, phase: str, inits: list[Object], apps: list[Object], *, initialized: bool
) -> Object:
    before = pod.get("status", {})
    report: Object = {"phase": phase, "startTime": before.get("startTime") or now, "containerStatuses": apps}
    if inits:
        report["initContainerStatuses"] = inits
    generation = pod["metadata"].get("generation")
    if generation:
        report["observedGeneration"] = generation
    known = {each["type"]: each for each in before.get("conditions", [])}
    conditions = []
    for condition in _conditions(pod["spec"], phase, inits, apps, initialized=initialized):
        last = known.get(condition["type"], {})
        same = last.get("status") == condition["status"]
        since = last.get("lastTransitionTime", now) if same else now
        observed = {"observedGeneration": generation} if generation else {}
        conditions.append({**condition, "lastTransitionTime": since, **observed})
    return {**report, "conditions": conditions}


def _conditions(
    spec: Object, phase: str, inits: list[Object], apps: list[Object], *, initialized: bool
) -> Iterator[Object]:
    """Yield the kubelet's conditions ("Pod conditions"); null takes away what an earlier report said."""
    yield _condition("PodReadyToStartContainers", True)
    yield _condition("PodScheduled", True)
    if phase in TERMINAL:
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        yield _condition("Initialized", initialized, reason if phase == "Succeeded" else None)
        yield _condition("ContainersReady", False, reason)
        yield _condition("Ready", False, reason)
        return
    incomplete = _names(each for each in inits if not (each["ready"] or each["started"]))
    told = f"containers with incomplete status: {incomplete}"
    yield _condition("Initialized", initialized, *(() if initialized else ("ContainersNotInitialized", told)))
    sidecars = {each["name"] for each in spec.get("initContainers", []) if each.get("restartPolicy") == "Always"}
    serving = [*(each for each in inits if each["name"] in sidecars), *apps]
    unready = [each for each in serving if not each["ready"]]
    told = f"containers with unready status: {_names(unready)}"
    for kind in ("ContainersReady", "Ready"):
        yield _condition(kind, not unready, *(("ContainersNotReady", told) if unready else ()))


def _condition(kind: str, holds: bool, reason: str | None = None, message: str | None = None) -> Object:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


def _names(statuses: Iterable[Object]) -> str:
    return "[" + " ".join(each["name"] for each in statuses) + "]"
