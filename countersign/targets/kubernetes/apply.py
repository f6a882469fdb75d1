"""Send one step, once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, assert_never

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.model import Intent, Plan, Receipt, Step

GONE_POLL_SECONDS: Final = 1.0
_GONE: Final = Receipt({"gone": True})


def apply(
    connection: Connection,
    plan: Plan,
    step: Step,
    intent: Intent,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Send `step`, for which `intent` is on record, and return what the target answered.

    Raises TransientTargetError, AmbiguousTargetError, PreconditionFailed, TargetNotFound, PermanentTargetError.
    `pause` waits some seconds.
    """
    match Effect(step.request["effect"]):
        case Effect.CHANGE:
            metadata = connection.send(step, intent)["metadata"]
            return Receipt({key: metadata.get(key) for key in ("resourceVersion", "generation")})
        case Effect.DELETE | Effect.EVICT:
            try:
                connection.send(step, intent)
            except TargetNotFound:
                return _GONE
            return Receipt({"accepted": True})
        case Effect.WAIT_GONE:
            return _wait_gone(connection, step, plan.deadline, pause)
        case other:
            assert_never(other)


def still_there(connection: Connection, path: str, uid: str) -> Any | None:
    """Return the object if it is there with this uid, else None: gone, or replaced by another of its name."""
    try:
        live = connection.get(path)
    except TargetNotFound:
        return None
    return live if live["metadata"]["uid"] == uid else None


def _wait_gone(
    connection: Connection, step: Step, deadline: datetime | None, pause: Callable[[float], None]
) -> Receipt:
    waiting = list(step.request["pods"])
    while True:
        waiting = [pod for pod in waiting if still_there(connection, pod["path"], pod["uid"]) is not None]
        if not waiting:
            return _GONE
        if deadline is None or datetime.now(UTC) >= deadline:
            names = ", ".join(pod["name"] for pod in waiting)
            raise PermanentTargetError(
                f"{step.title}: still terminating at the deadline: {names}",
                hint="they were evicted and may still end by themselves; look at their finalizers and grace periods",
            )
        pause(GONE_POLL_SECONDS)
