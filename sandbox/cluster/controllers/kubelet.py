"""Pods: put on a node, started, ended, deleted, as their behaviours say."""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.behaviours import Behaviour, Conduct
from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.world import World, is_ready
from sandbox.cluster.store import Object, now
from sandbox.cluster.taints import EVICTING, REFUSING, tolerated

BEHAVIOUR = "sandbox.countersign/behaviour"
"""Annotation of a pod that says how its containers fare, whatever their images are called."""
_SAID = {
    **{conduct.value: conduct for conduct in Conduct},
    "crash": Conduct.CRASH_LOOP, "missing": Conduct.IMAGE_PULL, "flap": Conduct.FLAPPING,
}  # fmt: skip
_START_SECONDS = 0.05
_PULL_SECONDS = 0.1
"""How long a failed pull is an error, before it is a back-off."""
_STOP_SECONDS = 0.1
_RUN_SECONDS = 0.2
"""How long a container of a job runs."""
_BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)


def sync_pod(world: World, pod: Object) -> None:
    """Do the next thing in a pod's life."""
    if "deletionTimestamp" in pod["metadata"]:
        _stop(world, pod)
    elif not pod["spec"].get("nodeName"):
        _schedule(world, pod)
    elif pod["status"].get("phase") not in ("Succeeded", "Failed"):
        node = world.store.get("nodes", "", pod["spec"]["nodeName"])
        if node is not None and not tolerated(node, pod["spec"], EVICTING):
            world.event(pod, "Normal", "TaintManagerEviction", "Marking for deletion Pod")
            world.delete("pods", pod)
        else:
            _live(world, pod)


def _stop(world: World, pod: Object) -> None:
    metadata = pod["metadata"]
    mark = f"stop:{metadata['uid']}"
    grace = min(metadata.get("deletionGracePeriodSeconds", 0), _STOP_SECONDS)
    left = grace - world.since(mark)
    if left > 0 and pod["spec"].get("nodeName"):
        world.later("pods", pod, left)
        return
    for mark in [each for each in world.marks if metadata["uid"] in each]:
        del world.marks[mark]
    if not metadata.get("finalizers"):
        world.event(pod, "Normal", "Killing", "Stopping containers")
        world.store.remove("pods", pod)
    elif metadata.get("deletionGracePeriodSeconds"):
        # Its containers are stopped; what is left of it waits for its finalizers and not for the kubelet.
        world.replace("pods", pod, metadata={**metadata, "deletionGracePeriodSeconds": 0})


def _schedule(world: World, pod: Object) -> None:
    wanted = pod["spec"].get("nodeSelector") or {}
    busy: dict[str, int] = {}
    for other in world.store.list("pods"):
        name = other["spec"].get("nodeName", "")
        busy[name] = busy.get(name, 0) + 1
    fitting = [
        node["metadata"]["name"]
        for node in world.store.list("nodes")
        if _takes_pods(node)
        and tolerated(node, pod["spec"], REFUSING)
        and wanted.items() <= (node["metadata"].get("labels") or {}).items()
    ]
    if not fitting:
        total = len(world.store.list("nodes"))
        text = (
            f"0/{total} nodes are available: {total} node(s) were unschedulable or didn't match the pod's selector."
        )
        known = pod["status"].get("conditions")
        conditions = condition(known, "PodScheduled", False, "Unschedulable", text)
        if conditions != known:
            world.event(pod, "Warning", "FailedScheduling", text)
        world.set_status("pods", pod, {**pod["status"], "conditions": conditions})
        return
    node = min(fitting, key=lambda name: (busy.get(name, 0), name))
    conditions = condition(pod["status"].get("conditions"), "PodScheduled", True, "", "")
    status = {**pod["status"], "conditions": conditions}
    world.replace("pods", pod, spec={**pod["spec"], "nodeName": node}, status=status)
    metadata = pod["metadata"]
    world.event(
        pod, "Normal", "Scheduled", f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
    )


def _takes_pods(node: Object) -> bool:
    """True for a node that is ready and not cordoned; one that no kubelet has reported on has a taint."""
    return is_ready(node) and not (node.get("spec") or {}).get("unschedulable")


def _behaviour(world: World, pod: Object, container: Mapping[str, Any]) -> Behaviour:
    """Return how a container fares: as the pod's annotation says, else as was set, else as its image is called."""
    metadata = pod["metadata"]
    said = (metadata.get("annotations") or {}).get(BEHAVIOUR, "")
    if said in _SAID:
        return Behaviour(conduct=_SAID[said])
    return world.behaviours.of(container["image"], f"{metadata['namespace']}/{metadata['name']}")


def _live(world: World, pod: Object) -> None:
    uid = pod["metadata"]["uid"]
    age = world.since(f"start:{uid}")
    if age < _START_SECONDS:
        world.later("pods", pod, _START_SECONDS - age)
        return
    first, initialized = _start_first(world, pod, age)
    statuses = _containers(world, pod, age) if initialized else [_waiting(each) for each in pod["spec"]["containers"]]
    if not initialized:
        world.set_status("pods", pod, _status(pod, "Pending", False, statuses, first=first, initialized=False))
        return
    if pod["spec"].get("restartPolicy") != "Always" and _finish(world, pod, statuses, first):
        return
    sidecars = {each["name"] for each in sidecars_of(pod["spec"])}
    ready = all(each["ready"] for each in [*statuses, *(each for each in first if each["name"] in sidecars)])
    started = any("running" in each["state"] or each["restartCount"] for each in statuses)
    if not ready:
        world.marks.pop(f"ready:{uid}", None)
    world.set_status("pods", pod, _status(pod, "Running" if started else "Pending", ready, statuses, first=first))


def sidecars_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the init containers that go on running beside the others."""
    return [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]


def _containers(world: World, pod: Object, age: float) -> list[dict[str, Any]]:
    known = {each["name"]: each for each in pod["status"].get("containerStatuses") or ()}
    return [
        _container(world, pod, each, _behaviour(world, pod, each), before=known.get(each["name"]), age=age)
        for each in pod["spec"]["containers"]
    ]


def _waiting(container: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": container["name"], "image": container["image"], "imageID": "", "ready": False, "started": False,
        "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}},
    }  # fmt: skip


def _start_first(world: World, pod: Object, age: float) -> tuple[list[dict[str, Any]], bool]:
    """Run the init containers; True if the pod's own containers may start.

    Ordinary ones end before the next begins. A sidecar has to have started, and goes on.
    """
    known = {each["name"]: each for each in pod["status"].get("initContainerStatuses") or ()}
    statuses: list[dict[str, Any]] = []
    for each in pod["spec"].get("initContainers") or ():
        if statuses and not _passed(statuses[-1]):
            statuses.append(_waiting(each))
            continue
        before, behaviour = known.get(each["name"]), _behaviour(world, pod, each)
        if before is not None and before["state"].get("terminated"):
            statuses.append(before)
            continue
        status = _container(world, pod, each, behaviour, before=before, age=age)
        if each.get("restartPolicy") != "Always" and "running" in status["state"]:
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": now(), "finishedAt": now()}
            status |= {"ready": True, "started": False, "state": {"terminated": ended}}
        statuses.append(status)
    return statuses, all(_passed(each) for each in statuses)


def _passed(status: Mapping[str, Any]) -> bool:
    return bool(status["started"] or status["state"].get("terminated"))


def _container(
    world: World,
    pod: Object,
    container: Mapping[str, Any],
    behaviour: Behaviour,
    *,
    before: Mapping[str, Any] | None,
    age: float,
) -> dict[str, Any]:
    restarts = (before or {}).get("restartCount", 0)
    status: dict[str, Any] = {
        "name": container["name"], "image": container["image"], "imageID": "", "ready": False, "started": False,
        "restartCount": restarts, "state": {},
    }  # fmt: skip
    running = ((before or {}).get("state") or {}).get("running") or {"startedAt": now()}
    match behaviour.conduct:
        case Conduct.IMAGE_PULL:
            status["state"] = {"waiting": _pull_failed(world, pod, container, before)}
            return status
        case Conduct.CRASH_LOOP:
            delay = _BACK_OFF_SECONDS[min(restarts, len(_BACK_OFF_SECONDS) - 1)]
            mark = f"crash:{pod['metadata']['uid']}:{container['name']}:{restarts}"
            waited = world.since(mark)
            if waited >= delay:
                world.marks.pop(mark, None)
                restarts += 1
                world.event(pod, "Warning", "BackOff", f"Back-off restarting failed container {container['name']}")
                delay, waited = _BACK_OFF_SECONDS[min(restarts, len(_BACK_OFF_SECONDS) - 1)], 0.0
            world.later("pods", pod, delay - waited, background=True)
            status["restartCount"] = max(restarts, 1)
            text = f"back-off restarting failed container={container['name']}"
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
            ended = {"exitCode": 1, "reason": "Error", "startedAt": now(), "finishedAt": now()}
            status["lastState"] = (before or {}).get("lastState") or {"terminated": ended}
            return status
        case Conduct.SLOW:
            ready = age >= behaviour.seconds
            if not ready:
                world.later("pods", pod, behaviour.seconds - age, background=True)
        case Conduct.FLAPPING:
            ready = int(age / behaviour.seconds) % 2 == 0
            left = behaviour.seconds - age % behaviour.seconds
            world.later("pods", pod, left + 0.01, background=True)
        case Conduct.NORMAL | Conduct.FAILS:
            ready = True
    if before is None:
        world.event(pod, "Normal", "Started", f"Started container {container['name']}")
    return {**status, "ready": ready, "started": True, "state": {"running": running}}


def _pull_failed(
    world: World, pod: Object, container: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return why a container without its image waits: an error at first, then a back-off without end."""
    image = container["image"]
    known = (((before or {}).get("state") or {}).get("waiting") or {}).get("reason", "")
    left = _PULL_SECONDS - world.since(f"pull:{pod['metadata']['uid']}:{container['name']}")
    if left > 0 and known != "ImagePullBackOff":
        text = f'Failed to pull image "{image}": not found'
        if known != "ErrImagePull":
            world.event(pod, "Normal", "Pulling", f'Pulling image "{image}"')
            world.event(pod, "Warning", "Failed", text)
        world.later("pods", pod, left)
        return {"reason": "ErrImagePull", "message": text}
    text = f'Back-off pulling image "{image}"'
    if known != "ImagePullBackOff":
        world.event(pod, "Normal", "BackOff", text)
    return {"reason": "ImagePullBackOff", "message": text}


def _finish(world: World, pod: Object, statuses: list[dict[str, Any]], first: list[dict[str, Any]]) -> bool:
    """End a pod that runs to completion, its sidecars with it; True if it has ended."""
    if not all("running" in each["state"] for each in statuses):
        return False
    left = _RUN_SECONDS - world.since(f"run:{pod['metadata']['uid']}")
    if left > 0:
        world.later("pods", pod, left)
        return False
    conducts = {_behaviour(world, pod, container).conduct for container in pod["spec"]["containers"]}
    failed = Conduct.FAILS in conducts
    ended = {
        "exitCode": int(failed), "reason": "Error" if failed else "Completed", "startedAt": now(),
        "finishedAt": now(),
    }  # fmt: skip
    for each in [*statuses, *(each for each in first if "running" in each["state"])]:
        each |= {"ready": False, "started": False, "state": {"terminated": ended}}
    world.set_status("pods", pod, _status(pod, "Failed" if failed else "Succeeded", False, statuses, first=first))
    return True


def _status(
    pod: Object,
    phase: str,
    ready: bool,
    statuses: list[dict[str, Any]],
    *,
    first: list[dict[str, Any]],
    initialized: bool = True,
) -> dict[str, Any]:
    before = pod["status"]
    conditions = before.get("conditions")
    done = "PodCompleted" if phase == "Succeeded" else "" if ready else "ContainersNotReady"
    for kind, value, reason in (
        ("PodScheduled", True, ""), ("Initialized", initialized, "" if initialized else "ContainersNotInitialized"),
        ("ContainersReady", ready, done),
        ("Ready", ready, done),
    ):  # fmt: skip
        conditions = condition(conditions, kind, value, reason, "")
    number = int(pod["metadata"]["uid"][:4], 16)
    address = f"10.1.{number >> 8}.{number & 255}"
    return {
        **before, "phase": phase, "conditions": conditions, "containerStatuses": statuses,
        "podIP": address, "podIPs": [{"ip": address}], "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": before.get("startTime") or now(), **({"initContainerStatuses": first} if first else {}),
    }  # fmt: skip
