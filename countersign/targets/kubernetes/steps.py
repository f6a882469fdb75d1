"""The steps that a Kubernetes plan is made of: four effects, each with what replay and inspection need."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from countersign.canonical import canonical_json
from countersign.errors import PermanentTargetError, PreconditionFailed, TargetNotFound
from countersign.targets.kubernetes.answers import JSON_PATCH, foreign
from countersign.targets.kubernetes.change import FieldChange, as_answered, difference, guarded, guarded_inverse
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.patching import same
from countersign.targets.kubernetes.requests import Effect, change
from countersign.targets.model import ObjectRef, Step

INVERSE: Final = "inverse"
"""Key in Step.before: the JSON patch that takes the step back."""
DROPPED: Final = "dropped"
"""Key in Step.before of a merge patch: what it leaves out of lists that it replaces."""
ENDING: Final = "deletionTimestamp"
"""Key in Step.before: since when the object is being deleted, where it is."""
OWNER: Final = "owner"
"""Key in Step.before of a deletion: kind and name of what replaces the object, or None."""


def change_step(
    connection: Connection,
    ref: ObjectRef,
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
    *,
    number: int,
    verb: str,
    path: str,
    title: str,
    reversible: bool = True,
) -> Step | None:
    """Return the step that makes `live` into `wanted`, or None if it already is so.

    Asks the server for a dry run, because it rewrites values (1000m becomes 1) and may default or mutate them:
    what `inspect` waits for is what the server would store. A dry run that is refused leaves the values as they
    are wanted; preflight asks again and reports the refusal.
    """
    found = difference(live, wanted)
    if not found.fields:
        return None
    request = change(path, guarded(found, live), JSON_PATCH)
    after: Mapping[str, Any] = wanted
    try:
        after = connection.dry_run(request, what=f"dry run: {title}")
    except (PermanentTargetError, PreconditionFailed, TargetNotFound):
        fields = found.fields
    else:
        answered = as_answered(found.fields, after)
        _require_current(live, after, found.fields, answered, title=title)
        fields = tuple(field for field in answered if field.before != field.after)
        if not fields:
            return None
    metadata = live["metadata"]
    before: dict[str, Any] = {
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion"),
        "generation": metadata.get("generation") if found.outside_metadata else None,
        "fields": {field.at: field.before for field in fields},
    }
    if metadata.get("deletionTimestamp"):
        before[ENDING] = metadata["deletionTimestamp"]
    if reversible:
        before[INVERSE] = guarded_inverse(live, after)
    step = Step(
        key=step_key(number, verb, ref),
        ref=ref,
        title=title,
        request=request,
        before=before,
        wanted={"fields": {field.at: field.after for field in fields}},
    )
    refuse_floats(step)
    return step


def _require_current(
    live: Mapping[str, Any],
    after: Mapping[str, Any],
    asked: tuple[FieldChange, ...],
    answered: tuple[FieldChange, ...],
    *,
    title: str,
) -> None:
    """Raise TransientTargetError where a dry run's answer may be an older version of the object.

    One that does not show what was asked for is believed of this version alone: a server may well keep or default a
    field. A dry run leaves the resourceVersion as it is.
    """
    shown = all(same(found.after, wanted.after) for found, wanted in zip(answered, asked, strict=True))
    if shown or after["metadata"].get("resourceVersion") == live["metadata"].get("resourceVersion"):
        return
    raise foreign(f"dry run: {title}", "it is of another version of the object", mutation=False)


def lets_go(step: Step) -> bool:
    """Return whether a change takes finalizers from an object that is being deleted, which then goes."""
    return bool(step.before.get(ENDING)) and "/metadata/finalizers" in (step.wanted.get("fields") or {})


def delete_step(
    ref: ObjectRef, live: Mapping[str, Any], options: Mapping[str, Any], *, number: int, path: str
) -> Step | None:
    """Return the step that deletes this very object, or None if it is already being deleted that fast."""
    metadata = live["metadata"]
    seconds = options.get("gracePeriodSeconds")
    if metadata.get("deletionTimestamp") and seconds != 0:
        return None
    return Step(
        key=step_key(number, "delete", ref),
        ref=ref,
        title=f"delete {ref}",
        request={"effect": Effect.DELETE.value, "method": "DELETE", "path": path, "body": dict(options)},
        before={
            "uid": metadata["uid"],
            "deletionTimestamp": metadata.get("deletionTimestamp"),
            OWNER: owner_of(live),
        },
        # Without a grace period the object vanishes with the request, so only its absence is proof.
        wanted={"gone": True, "terminating_is_enough": seconds != 0},
    )


def owner_of(live: Mapping[str, Any]) -> dict[str, str] | None:
    """Return kind and name of the object that will replace this one once it is deleted, None if nothing does."""
    for owner in live["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return {"kind": str(owner.get("kind")), "name": str(owner.get("name"))}
    return None


def evict_step(ref: ObjectRef, body: Mapping[str, Any], *, number: int, path: str) -> Step:
    """Return the step that evicts this very pod."""
    return Step(
        key=step_key(number, "evict", ref),
        ref=ref,
        title=f"evict {ref}",
        request={"effect": Effect.EVICT.value, "method": "POST", "path": f"{path}/eviction", "body": dict(body)},
        before={"uid": ref.uid, "podPath": path},
        wanted={"gone": True, "terminating_is_enough": True},
    )


def wait_step(ref: ObjectRef, pods: list[Mapping[str, str]], *, number: int) -> Step:
    """Return the step that waits until these pods are gone; it changes nothing."""
    return Step(
        key=step_key(number, "wait-gone", ref),
        ref=ref,
        title=f"wait until {len(pods)} pods are gone from {ref}",
        request={"effect": Effect.WAIT_GONE.value, "pods": [dict(pod) for pod in pods]},
        before={"uid": ref.uid},
        wanted={"gone": True},
        changes=False,
    )


def step_key(number: int, verb: str, ref: ObjectRef) -> str:
    """Return a key that is unique and stable within a plan."""
    return f"{number}-{verb}-{ref.namespace or '-'}/{ref.name}"


def rfc3339(at: datetime) -> str:
    """Return a moment as text, UTC."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def refuse_floats(step: Step) -> None:
    """Raise PermanentTargetError where a plan could not hold the step."""
    try:
        canonical_json([step.request, step.before, step.wanted])
    except TypeError as error:
        raise PermanentTargetError(
            f"{step.title}: the change has a number with a fraction, which a plan cannot hold ({error})",
            hint="write the value as a string or an integer",
        ) from None
