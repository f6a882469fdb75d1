"""Waiting until evicted pods are gone from their node, as the API server tells of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.answers import foreign
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.watching import Watch
from countersign.targets.model import Step

PAUSE_SECONDS: Final = 0.2
ASK_SECONDS: Final = 30.0
"""After so long each pod is asked for again: what is told between two watches may be missed."""
ASK_UNTOLD_SECONDS: Final = 5.0
POLL_SECONDS: Final = 1.0


def wait_gone(connection: Connection, step: Step, deadline: datetime | None, pause: Callable[[float], None]) -> None:
    """Return when every pod of `step` is gone: told to be deleted, or asked for and not there.

    `pause` waits some seconds. Raises PermanentTargetError at the deadline, TransientTargetError.
    """
    path, query = list_path(connection, "Pod", None), {"fieldSelector": f"spec.nodeName={step.ref.name}"}
    listed = connection.get(path, query, what=f"list the pods of {step.ref}")
    there = {item["metadata"]["uid"] for item in listed["items"]}
    # That a list does not have a pod is no statement about the pod, so those are asked for.
    waiting = [pod for pod in step.request["pods"] if pod["uid"] in there or _is_there(connection, pod)]
    if not waiting:
        return
    asked_at = monotonic()
    with Watch(connection, path, query, since=listed["metadata"].get("resourceVersion")) as watch:
        while True:
            waiting = [pod for pod in waiting if pod["uid"] not in watch.gone]
            late = deadline is None or datetime.now(UTC) >= deadline
            asking = ASK_SECONDS if watch.count else ASK_UNTOLD_SECONDS
            if watch.failed or late or monotonic() - asked_at >= asking:
                waiting = [pod for pod in waiting if _is_there(connection, pod)]
                asked_at = monotonic()
            if not waiting:
                return
            if late:
                names = ", ".join(pod["name"] for pod in waiting)
                raise PermanentTargetError(
                    f"{step.title}: still terminating at the deadline: {names}",
                    hint="evicted, they may still end by themselves; look at their finalizers and grace periods",
                )
            pause(POLL_SECONDS if watch.failed else PAUSE_SECONDS)


def _is_there(connection: Connection, pod: dict[str, Any]) -> bool:
    return still_there(connection, pod["path"], pod["uid"]) is not None


def still_there(connection: Connection, path: str, uid: str) -> Any | None:
    """Return the object if it is there with this uid, else None: gone, or replaced by another of its name.

    That another has its name is believed when it is said twice: the first answer may be to another's question.
    Raises TransientTargetError where the two disagree.
    """
    try:
        live = connection.get(path)
        if live["metadata"]["uid"] == uid:
            return live
        again = connection.get(path)
    except TargetNotFound:
        return None
    if again["metadata"]["uid"] == uid:
        return again
    if again["metadata"]["uid"] != live["metadata"]["uid"]:
        raise foreign(f"read {path}", "it is another object each time", mutation=False)
    return None
