"""What a kubelet would report of a pod's containers; none of them is ever started.

An image's name says what becomes of its container: with `bad` in it it cannot be pulled, with `crash` it ends with an
error each time it is started; any other one runs, as an init container until it is done.

The rules are those of Kubernetes' documentation: "Pod Lifecycle" (container states, restart policy), "Init
Containers" and "Sidecar Containers". `before` is the pod's status as it was last reported: times of what has not
changed are kept.
"""

from typing import Any

Object = dict[str, Any]

SEEN_RESTARTS = 3
"""How often a crashing container has been started again when it is first looked at."""


def init_statuses(spec: Object, before: Object, now: str) -> tuple[list[Object], bool, bool]:
    """Return the init containers' statuses, whether all let the pod go on, and whether one made it fail.

    They run one after the other. A sidecar (restartPolicy Always) lets the next one start as soon as it has started.
    """
    statuses: list[Object] = []
    going, failed = True, False
    for container in spec.get("initContainers", []):
        sidecar = container.get("restartPolicy") == "Always"
        if not going:
            status = waiting(container, before, "PodInitializing")
        elif _cannot_be_pulled(container):
            status, going = waiting(container, before, "ImagePullBackOff"), False
        elif _crashes(container):
            # A crashing init container is tried again unless the pod's policy is Never; a sidecar always is.
            again = sidecar or spec.get("restartPolicy", "Always") != "Never"
            status = _crashed(container, before, now, again=again)
            going, failed = sidecar, not again
        elif sidecar:
            status = _running(container, before, now)
        else:
            status = _completed(container, before, now)
        statuses.append(status)
    return statuses, going, failed


def app_status(container: Object, spec: Object, before: Object, now: str) -> Object:
    """Return the status of an app container of a pod whose init containers have let it go on."""
    if _cannot_be_pulled(container):
        return waiting(container, before, "ImagePullBackOff")
    if _crashes(container):
        return _crashed(container, before, now, again=spec.get("restartPolicy", "Always") != "Never")
    return _running(container, before, now)


def _cannot_be_pulled(container: Object) -> bool:
    return "bad" in container["image"]


def _crashes(container: Object) -> bool:
    return "crash" in container["image"]


def _base(container: Object, before: Object) -> Object:
    """Return what every status says, with one restart more if the image is another one than before."""
    known = _known(container, before)
    restarts = known.get("restartCount", 0)
    if known and known["image"] != container["image"] and "running" in known["state"]:
        restarts += 1
    return {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": restarts}


def _known(container: Object, before: Object) -> Object:
    both = [*before.get("initContainerStatuses", []), *before.get("containerStatuses", [])]
    return next((each for each in both if each["name"] == container["name"]), {})


def _kept(container: Object, before: Object, state: str) -> Object:
    """Return the details of the state that was reported last time, {} if it was another state or image."""
    known = _known(container, before)
    if known.get("image") != container["image"]:
        return {}
    return dict(known["state"].get(state, {}))


def waiting(container: Object, before: Object, reason: str) -> Object:
    """Return the status of a container that has not been started, and why."""
    told = {"reason": reason}
    if reason == "ImagePullBackOff":
        told["message"] = f'Back-off pulling image "{container["image"]}"'
    return {**_base(container, before), "ready": False, "started": False, "state": {"waiting": told}}


def _running(container: Object, before: Object, now: str) -> Object:
    since = _kept(container, before, "running") or {"startedAt": now}
    return {**_base(container, before), "ready": True, "started": True, "state": {"running": since}}


def _completed(container: Object, before: Object, now: str) -> Object:
    terminated = _kept(container, before, "terminated") or _termination("Completed", 0, now)
    # An init container is ready when it has succeeded.
    return {**_base(container, before), "ready": True, "started": False, "state": {"terminated": terminated}}


def _crashed(container: Object, before: Object, now: str, *, again: bool) -> Object:
    status = {**_base(container, before), "ready": False, "started": False}
    if not again:
        terminated = _kept(container, before, "terminated") or _termination("Error", 1, now)
        return {**status, "state": {"terminated": terminated}}
    last = _known(container, before).get("lastState", {}).get("terminated") or _termination("Error", 1, now)
    message = f"back-off 1m20s restarting failed container={container['name']}"
    told = {"reason": "CrashLoopBackOff", "message": message}
    restarts = max(SEEN_RESTARTS, status["restartCount"])
    return {**status, "restartCount": restarts, "state": {"waiting": told}, "lastState": {"terminated": last}}


def _termination(reason: str, exit_code: int, now: str, since: str | None = None) -> Object:
    return {"reason": reason, "exitCode": exit_code, "startedAt": since or now, "finishedAt": now}


def ended(status: Object, now: str) -> Object:
    """Return the status of a running container after it was asked to stop and did."""
    since = status["state"]["running"]["startedAt"]
    terminated = _termination("Completed", 0, now, since)
    return {**status, "ready": False, "started": False, "state": {"terminated": terminated}}


def stopped(status: Object, now: str) -> Object:
    """Return the status of any container after its pod was stopped; what never ran has no exit code of its own."""
    if "running" in status["state"]:
        return ended(status, now)
    if "terminated" in status["state"]:
        return {**status, "ready": False}
    last = status.get("lastState", {}).get("terminated")
    return {**status, "state": {"terminated": last or _termination("ContainerStatusUnknown", 137, now)}}
