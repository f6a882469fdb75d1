"""Tell from the cluster alone whether a step's effect happened.

The wanted state is there: landed. The object is as before and nobody changed it: not landed. Anything else is
not a guess that this module makes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from countersign.errors import TargetNotFound
from countersign.targets.kubernetes.answers import foreign
from countersign.targets.kubernetes.change import field_of, shows
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.created import inspect_created
from countersign.targets.kubernetes.leaving import still_there
from countersign.targets.kubernetes.object_age import is_older
from countersign.targets.kubernetes.ownership import written_by
from countersign.targets.kubernetes.requests import FIELD_MANAGER, Effect
from countersign.targets.kubernetes.steps import lets_go
from countersign.targets.model import Inspection, Landed, Plan, Step


def inspect(connection: Connection, plan: Plan, step: Step) -> Inspection:
    """Return the answer. Raises TransientTargetError when the cluster could not be asked."""
    match Effect(step.request["effect"]):
        case Effect.CHANGE:
            try:
                live = connection.get(step.request["path"], what=f"inspect {step.ref}")
            except TargetNotFound:
                if lets_go(step):
                    return Inspection(Landed.YES, f"{step.ref} is gone, as nothing held it any more", {"gone": True})
                return Inspection(Landed.UNCLEAR, f"{step.ref} does not exist any more", {})
            if is_older(live["metadata"], step.before):
                raise foreign(f"inspect {step.ref}", "it is older than what the plan was made for", mutation=False)
            return judge_change(step, live, made_at=plan.made_at)
        case Effect.DELETE:
            return judge_removal(step, still_there(connection, step.request["path"], step.before["uid"]))
        case Effect.EVICT:
            return judge_removal(step, still_there(connection, step.before["podPath"], step.before["uid"]))
        case Effect.CREATE:
            return inspect_created(connection, plan, step)
        case Effect.WAIT_GONE:
            left = [
                pod["name"]
                for pod in step.request["pods"]
                if still_there(connection, pod["path"], pod["uid"]) is not None
            ]
            if left:
                return Inspection(Landed.NO, f"{len(left)} pods are still there", {"pods": left})
            return Inspection(Landed.YES, "all pods are gone", {})
        case other:
            assert_never(other)


def judge_removal(step: Step, live: Mapping[str, Any] | None) -> Inspection:
    """Judge a deletion or eviction by the object with the planned uid, None if there is none."""
    if live is None:
        return Inspection(Landed.YES, f"{step.ref} is gone", {"gone": True})
    stamp = live["metadata"].get("deletionTimestamp")
    seen = {"deletionTimestamp": stamp}
    if stamp and (held := live["metadata"].get("finalizers")):
        seen["finalizers"] = list(held)
        return Inspection(Landed.YES, f"{step.ref} is terminating since {stamp}, held by {', '.join(held)}", seen)
    if stamp and step.wanted["terminating_is_enough"]:
        return Inspection(Landed.YES, f"{step.ref} is terminating since {stamp}", seen)
    return Inspection(Landed.NO, f"{step.ref} is still there", seen)


def judge_change(step: Step, live: Mapping[str, Any], *, made_at: str) -> Inspection:
    """Judge a change of fields by the object as it is now."""
    before, wanted = step.before, step.wanted["fields"]
    metadata = live["metadata"]
    seen = {
        "fields": {at: field_of(live, at) for at in wanted},
        "generation": metadata.get("generation"),
        "resourceVersion": metadata.get("resourceVersion"),
        "ours": written_by(live, FIELD_MANAGER, [at for at, value in wanted.items() if value is not None]),
    }
    if metadata["uid"] != before["uid"]:
        return Inspection(Landed.UNCLEAR, f"{step.ref} was replaced by another object of that name", seen)
    if all(shows(live, at, value) for at, value in wanted.items()):
        return Inspection(Landed.YES, "every changed field is as wanted", seen)
    if _counted(step) and metadata.get("generation") == before["generation"] + 1:
        # One change since, and it was not ours, which would show. Ours cannot come any more: it tests the generation.
        return Inspection(Landed.NO, "somebody else made the only change since the plan", seen)
    if seen["fields"] != before["fields"]:
        return Inspection(Landed.UNCLEAR, "the fields are neither as before nor as wanted", seen)
    if before["resourceVersion"] == metadata.get("resourceVersion"):
        return Inspection(Landed.NO, "the object was not touched since the plan was made", seen)
    if before["generation"] is not None:
        if before["generation"] == metadata.get("generation"):
            return Inspection(Landed.NO, "the generation is as before: only status moved", seen)
        return Inspection(Landed.UNCLEAR, "the fields are as before, but the object was changed since", seen)
    if _only_status_written_since(metadata.get("managedFields"), made_at):
        return Inspection(Landed.NO, "only status was written since the plan was made", seen)
    return Inspection(Landed.UNCLEAR, "the fields are as before, but the object was changed since", seen)


def _counted(step: Step) -> bool:
    """Return whether every change of these fields makes another generation, which labels do not."""
    counted = step.before["generation"] is not None
    return counted and not any(at.startswith("/metadata/") for at in step.wanted["fields"])


def _only_status_written_since(entries: Any, made_at: str) -> bool:
    """Judge by managedFields, which name what each writer last wrote and when (in whole seconds).

    For objects without a generation. It does not see a writer who only removed fields, so somebody who took
    back by removal what we had just added looks like nobody; the step would then be sent again.
    """
    if not entries:
        return False
    since = datetime.fromisoformat(made_at)
    for entry in entries:
        time = entry.get("time")
        if time is None or datetime.fromisoformat(time) < since:
            continue
        if set(entry.get("fieldsV1") or {"f:unknown": {}}) - {"f:status"}:
            return False
    return True
