"""What a pod's containers have printed: text made up from the pod's own state."""

from collections.abc import Mapping

from sandbox.cluster.status import bad_request
from sandbox.cluster.store import Object

_LINES = ("started", "listening on :8080", "GET /health 200", "GET /api/orders 200", "GET /api/orders 500")


def pod_log(pod: Object, query: Mapping[str, str]) -> str:
    """Return a container's log. Raises StatusError 400 for an unknown container or one that never started."""
    name = pod["metadata"]["name"]
    containers = [container["name"] for container in pod["spec"]["containers"]]
    wanted = query.get("container") or containers[0]
    if wanted not in containers:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    if not query.get("container") and len(containers) > 1:
        listed = " ".join(containers)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    status = next((each for each in statuses if each["name"] == wanted), None)
    waiting = ((status or {}).get("state") or {}).get("waiting")
    if status is None or (waiting and waiting.get("reason") != "CrashLoopBackOff"):
        reason = (waiting or {}).get("reason", "ContainerCreating")
        raise bad_request(f'container "{wanted}" in pod "{name}" is waiting to start: {reason}')
    lines = [f"{wanted}: {text}" for text in _LINES]
    if waiting:
        lines = [f"{wanted}: starting", f"{wanted}: fatal: cannot reach the database"]
    if tail := query.get("tailLines"):
        lines = lines[-int(tail) :] if int(tail) else []
    return "".join(f"{line}\n" for line in lines)
