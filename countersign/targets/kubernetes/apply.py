"""Send one step, once."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from countersign.errors import AmbiguousTargetError, TargetError, TargetNotFound
from countersign.targets.kubernetes.answers import foreign
from countersign.targets.kubernetes.believing import asked_of, says_deleted
from countersign.targets.kubernetes.change import shows
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.created import create
from countersign.targets.kubernetes.leaving import still_there, wait_gone
from countersign.targets.kubernetes.object_age import is_newer
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.kubernetes.steps import lets_go
from countersign.targets.model import Intent, Plan, Receipt, Step

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
            answer = connection.send(step, intent)
            if lets_go(step) and _is_gone(connection, step):
                # What was held by a finalizer alone is answered as it was before, and is gone.
                return _GONE
            metadata = _changed(step, answer)["metadata"]
            return Receipt({key: metadata.get(key) for key in ("resourceVersion", "generation")})
        case Effect.DELETE:
            try:
                answer = connection.send(step, intent)
            except TargetNotFound:
                return _GONE
            return _deleted(connection, step, answer)
        case Effect.EVICT:
            try:
                connection.send(step, intent)
            except TargetNotFound:
                return _GONE
            # The Status that an eviction is answered with names no pod (registry/core/pod/storage/eviction.go).
            return _seen_to_end(connection, step, step.before["podPath"])
        case Effect.CREATE:
            return create(connection, step, intent)
        case Effect.WAIT_GONE:
            wait_gone(connection, step, plan.deadline, pause)
            return _GONE
        case other:
            assert_never(other)


def _changed(step: Step, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer to a change, which has to be the planned object with every changed field as wanted."""
    wanted: Mapping[str, Any] = step.wanted["fields"]
    if answer["metadata"]["uid"] != step.before["uid"]:
        raise foreign(step.title, "it is about another object of that name", mutation=True)
    if not is_newer(answer["metadata"], step.before):
        raise foreign(step.title, "it is not newer than the object that the plan was made for", mutation=True)
    missing = [at for at, value in wanted.items() if not shows(answer, at, value)]
    if missing:
        raise foreign(step.title, f"it does not show the change of {', '.join(missing[:3])}", mutation=True)
    return answer


def _deleted(connection: Connection, step: Step, answer: Any) -> Receipt:
    asked = asked_of(step.request["path"])
    if asked is not None and says_deleted(asked, step.before["uid"], answer):
        return Receipt({"accepted": True})
    return _seen_to_end(connection, step, step.request["path"])


def _seen_to_end(connection: Connection, step: Step, path: str) -> Receipt:
    """Look whether the object is gone or ends, where the answer does not say so."""
    try:
        live = still_there(connection, path, step.before["uid"])
    except TargetError as error:
        raise AmbiguousTargetError(f"{step.title}: accepted, and not seen to end: {error.message}") from error
    if live is not None and not live["metadata"].get("deletionTimestamp"):
        raise foreign(step.title, "it says yes, and the object does not end", mutation=True)
    return Receipt({"accepted": True})


def _is_gone(connection: Connection, step: Step) -> bool:
    try:
        return still_there(connection, step.request["path"], step.before["uid"]) is None
    except TargetError as error:
        raise AmbiguousTargetError(f"{step.title}: accepted, and not seen to go: {error.message}") from error
