"""Facts of workloads as `observe` keeps them, made by hand for tests of what is decided from them."""

from collections.abc import Mapping
from typing import Any

from countersign.targets.criteria import Case
from countersign.targets.model import Impact, ObjectRef, Plan, Step

REF = ObjectRef("sandbox", "Deployment", "prod", "api", "uid-1")


def plan_of(verb: str, ref: ObjectRef = REF, *, fields: Mapping[str, Any] | None = None) -> Plan:
    """Return a plan with one change of `ref`."""
    step = Step(
        key=f"1-{verb}",
        ref=ref,
        title=f"{verb} {ref}",
        request={"effect": "change", "method": "PATCH", "path": "/x", "contentType": "json", "body": []},
        before={"uid": ref.uid},
        wanted={"fields": fields or {"/spec/template/x": "y"}},
    )
    return Plan("sandbox", verb, (ref,), (step,), Impact(), "2026-01-01T00:00:00Z")


def pod(
    name: str,
    *,
    ready: bool = True,
    restarts: int = 0,
    waiting: tuple[str, ...] = (),
    terminating: bool = False,
    revision: str | None = None,
) -> dict[str, Any]:
    """Return a pod's facts; its uid is its name."""
    return {
        "name": name,
        "uid": name,
        "phase": "Running" if ready else "Pending",
        "ready": ready,
        "terminating": terminating,
        "restarts": restarts,
        "waiting": list(waiting),
        "revision": revision,
    }


def deployment(
    *pods: Mapping[str, Any],
    wanted: int = 2,
    updated: int | None = None,
    available: int | None = None,
    generation: int = 2,
    observed: int | None = None,
    progressing: str = "NewReplicaSetAvailable",
    paused: bool = False,
    warnings: tuple[Mapping[str, Any], ...] = (),
) -> dict[str, Any]:
    """Return a Deployment's facts with `pods`; counters follow from them unless they are given."""
    staying = [each for each in pods if not each["terminating"]]
    ready = sum(each["ready"] for each in staying)
    spec: dict[str, Any] = {"replicas": wanted}
    if paused:
        spec["paused"] = True
    return {
        "exists": True,
        "uid": "uid-1",
        "generation": generation,
        "spec": spec,
        "status": {
            "observedGeneration": generation if observed is None else observed,
            "replicas": len(staying),
            "updatedReplicas": len(staying) if updated is None else updated,
            "readyReplicas": ready,
            "availableReplicas": ready if available is None else available,
        },
        "conditions": {"Progressing": {"status": "True", "reason": progressing}},
        "pods": list(pods),
        "pods_total": len(pods),
        "warnings": list(warnings),
    }


def case(
    *samples: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    verb: str = "set_image",
    over: bool = False,
    touched: bool = True,
    ref: ObjectRef = REF,
    **more: Any,
) -> Case:
    """Return a case about `ref`, whose facts `samples` (one every 10 s) and `before` are."""
    more = {"seen_at": [10.0 * number for number in range(len(samples))], "lasting_seconds": 20.0, **more}
    return Case(
        plan_of(verb, ref),
        None if before is None else {ref.key: before},
        [{ref.key: each} for each in samples],
        over=over,
        touched=frozenset({ref.key}) if touched else frozenset(),
        **more,
    )
