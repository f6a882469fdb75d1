"""Was the object made that a plan wanted to make? By its name and our mark on it, and by events where it is gone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from countersign.errors import PermanentTargetError, PreconditionFailed, TargetNotFound
from countersign.targets.kubernetes.answers import foreign
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.plan_create import MARK, jobs_told_of
from countersign.targets.model import Inspection, Intent, Landed, Plan, Receipt, Step

EVENTS_LAST: Final = timedelta(minutes=50)
"""kube-apiserver keeps events for an hour (--event-ttl)."""


def create(connection: Connection, step: Step, intent: Intent) -> Receipt:
    """Send the request that makes the object. A refusal is looked at: a repeated delivery is told AlreadyExists."""
    try:
        answer = connection.send(step, intent)
    except (PermanentTargetError, PreconditionFailed):
        live = _live(connection, step)
        if live is None or mark_of(live) != step.wanted["mark"]:
            raise
        answer = live
    if mark_of(answer) != step.wanted["mark"]:
        raise foreign(step.title, "it does not show what was to be made", mutation=True)
    return Receipt({key: answer["metadata"].get(key) for key in ("uid", "resourceVersion")})


def inspect_created(connection: Connection, plan: Plan, step: Step) -> Inspection:
    """Return whether the object was made. Raises TransientTargetError."""
    live = _live(connection, step)
    # Where events could not be read when it was planned, they tell nothing now.
    told = None if step.before["seen"] is None else jobs_told_of(connection, step.ref)
    young = datetime.now(UTC) - datetime.fromisoformat(plan.made_at) < EVENTS_LAST
    return judge_created(step, live, told if young else None)


def judge_created(step: Step, live: Mapping[str, Any] | None, told: Sequence[str] | None) -> Inspection:
    """Judge by the object of that name, None if there is none, and by the uids that events tell of."""
    if live is not None and mark_of(live) == step.wanted["mark"]:
        return Inspection(
            Landed.YES, f"{step.ref} was made by this request", {"uid": live["metadata"]["uid"], "ours": True}
        )
    present = {live["metadata"]["uid"]} if live is not None else set()
    seen = {"uid": next(iter(present), None), "told": None if told is None else list(told)}
    if told is None or step.before["seen"] is None:
        return Inspection(Landed.UNCLEAR, f"{step.ref} is not there, and no events tell whether it was", seen)
    if set(told) - set(step.before["seen"]) - present:
        return Inspection(Landed.UNCLEAR, f"events tell of a {step.ref} that is gone", seen)
    if present:
        return Inspection(Landed.NO, f"{step.ref} was made by somebody else", seen)
    return Inspection(Landed.NO, f"{step.ref} does not exist, and no event tells of one", seen)


def mark_of(live: Mapping[str, Any]) -> str | None:
    """Return the mark of the plan that made the object, None where none of ours did."""
    mark = (live["metadata"].get("annotations") or {}).get(MARK)
    return str(mark) if mark is not None else None


def _live(connection: Connection, step: Step) -> Mapping[str, Any] | None:
    try:
        live: Mapping[str, Any] = connection.get(f"{step.request['path']}/{step.ref.name}", what=f"read {step.ref}")
    except TargetNotFound:
        return None
    return live
