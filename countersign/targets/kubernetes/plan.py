"""From an operation on resolved objects to a plan: read the objects, ask the pure rules, fix every request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    KubernetesOperation,
    MetadataParameters,
    PatchParameters,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    TaintEffect,
    TaintParameters,
    UndoParameters,
    Verb,
)
from countersign.actions.taints import removal_text, taint_text
from countersign.errors import PermanentTargetError, PreconditionFailed, TargetNotFound
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.drain import drain_steps
from countersign.targets.kubernetes.dropping import dropped
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.plan_create import job_step
from countersign.targets.kubernetes.plan_delete import delete_options
from countersign.targets.kubernetes.plan_metadata import with_metadata
from countersign.targets.kubernetes.plan_node import cordoned
from countersign.targets.kubernetes.plan_patch import patched
from countersign.targets.kubernetes.plan_scale import scaled
from countersign.targets.kubernetes.plan_taint import evicted_by, tainted
from countersign.targets.kubernetes.plan_template import (
    paused,
    restarted,
    resumed,
    with_env,
    with_images,
    with_resources,
)
from countersign.targets.kubernetes.plan_undo import deployment_undone, revision_undone
from countersign.targets.kubernetes.resolve import may_be_absent
from countersign.targets.kubernetes.steps import DROPPED, change_step, delete_step, rfc3339
from countersign.targets.kubernetes.template import pods_of
from countersign.targets.kubernetes.workload_pods import selected_by
from countersign.targets.model import Impact, ObjectRef, Plan, Resolution, Step


@dataclass(frozen=True)
class _Subject:
    """One object that the operation is about, as it was read."""

    connection: Connection
    operation: KubernetesOperation
    ref: ObjectRef
    live: Mapping[str, Any]
    path: str


@dataclass(frozen=True)
class _Part:
    """The plan for one of the operation's objects."""

    steps: tuple[Step, ...]
    pods: int | None = 0
    replicas: tuple[int, int] | None = None
    """Before and wanted."""


def make_plan(
    connection: Connection,
    operation: KubernetesOperation,
    resolution: Resolution,
    *,
    at: datetime,
    drain_timeout_seconds: int,
) -> Plan:
    """Return the plan; one without steps when everything already is as wanted.

    Reads the target and asks for dry runs, changes nothing. Raises TargetNotFound, PreconditionFailed (an object
    was replaced since it was resolved), PreflightRefused, TransientTargetError, PermanentTargetError.
    """
    parts: list[_Part] = []
    refs: list[ObjectRef] = []
    versions = {group.kind: group.version for group in operation.objects}
    for ref in resolution.refs:
        number = sum(len(part.steps) for part in parts) + 1
        path = object_path(
            connection, ref.kind, ref.namespace, ref.name, version=versions.get(ref.kind, operation.version)
        )
        try:
            live = connection.get(path, what=f"read {ref}")
        except TargetNotFound:
            if not may_be_absent(operation):
                raise
            refs.append(replace(ref, uid=None))
            continue
        if ref.uid is not None and live["metadata"]["uid"] != ref.uid:
            raise PreconditionFailed(f"{ref} was replaced by another object of that name")
        subject = _Subject(connection, operation, replace(ref, uid=live["metadata"]["uid"]), live, path)
        refs.append(subject.ref)
        parts.append(_part(subject, number, at))
    deadline = None
    if operation.verb is Verb.DRAIN:
        asked = operation.parameters.timeout_seconds if isinstance(operation.parameters, DrainParameters) else None
        deadline = asked or drain_timeout_seconds
    scales = [part.replicas for part in parts if part.replicas is not None]
    # The policy's limits hold for each object: a large one must not lend its size to a small one.
    worst = max(scales, key=_growth, default=None)
    return Plan(
        system=connection.settings.name,
        verb=operation.verb.value,
        refs=tuple(refs),
        steps=tuple(step for part in parts for step in part.steps),
        impact=Impact(
            affected_pods=_total([part.pods for part in parts]),
            current_replicas=worst[0] if worst else None,
            wanted_replicas=worst[1] if worst else None,
        ),
        made_at=rfc3339(at),
        deadline_seconds=deadline,
    )


def _growth(scale: tuple[int, int]) -> tuple[float, int]:
    now, wanted = scale
    return wanted / max(now, 1), wanted


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _part(subject: _Subject, number: int, at: datetime) -> _Part:
    operation, ref, live = subject.operation, subject.ref, subject.live
    parameters = operation.parameters
    if operation.verb is Verb.DELETE:
        assert isinstance(parameters, DeleteParameters)
        options = delete_options(live["metadata"]["uid"], parameters)
        deletion = delete_step(ref, live, options, number=number, path=subject.path)
        return _Part((deletion,), pods_of(live, ref.kind)) if deletion else _Part(())
    if operation.verb is Verb.DRAIN:
        assert isinstance(parameters, DrainParameters)
        steps, evicted = drain_steps(subject.connection, ref, live, subject.path, parameters, number=number)
        return _Part(steps, evicted)
    if operation.verb is Verb.CREATE_JOB:
        assert isinstance(parameters, CreateJobParameters)
        return _Part((job_step(subject.connection, ref, live, parameters, number=number, at=at),))
    wanted, title = _wanted(subject, at)
    step = change_step(
        subject.connection,
        ref,
        live,
        wanted,
        number=number,
        verb=operation.verb.value,
        path=subject.path,
        title=title,
        reversible=operation.verb is not Verb.RESTART,
    )
    if step is None:
        return _Part(())
    if isinstance(parameters, TaintParameters):
        return _Part((step,), _evicted(subject, parameters))
    if isinstance(parameters, PatchParameters) and (lost := dropped(live, wanted, parameters)):
        step = replace(step, before={**step.before, DROPPED: list(lost)})
    return _measured(step, operation.verb, live, wanted)


def _evicted(subject: _Subject, parameters: TaintParameters) -> int:
    """Return how many pods the taints evict from the node."""
    if not any(taint.effect is TaintEffect.NO_EXECUTE for taint in parameters.set):
        return 0
    query = {"fieldSelector": f"spec.nodeName={subject.ref.name}"}
    path = list_path(subject.connection, "Pod", None)
    pods = subject.connection.get(path, query, what=f"list the pods of {subject.ref}")["items"]
    return evicted_by(parameters.set, pods)


def _wanted(subject: _Subject, at: datetime) -> tuple[Any, str]:
    """Return the object as the operation wants it, and the step's title."""
    parameters, live, kind, of = subject.operation.parameters, subject.live, subject.ref.kind, str(subject.ref)
    match subject.operation.verb:
        case Verb.RESTART:
            return restarted(live, kind, at=at), f"restart {of}"
        case Verb.PAUSE:
            return paused(live), f"pause {of}"
        case Verb.RESUME:
            return resumed(live), f"resume {of}"
        case Verb.UNDO:
            assert isinstance(parameters, UndoParameters)
            return _undone(subject, parameters)
        case Verb.SCALE:
            assert isinstance(parameters, ScaleParameters)
            now = live["spec"].get("replicas", 1)
            return scaled(live, parameters, of=of), f"scale {of} from {now} to {parameters.replicas}"
        case Verb.SET_IMAGE:
            assert isinstance(parameters, SetImageParameters)
            images = ", ".join(f"{name}={image}" for name, image in parameters.images)
            return with_images(live, kind, parameters, of=of), f"set image of {of} to {images}"
        case Verb.SET_ENV:
            assert isinstance(parameters, SetEnvParameters)
            # Names only: a value may be a secret, and titles are shown to everybody.
            names = ", ".join([*(name for name, _ in parameters.set), *(f"{name}-" for name in parameters.remove)])
            return with_env(live, kind, parameters, of=of), f"set environment of {of}: {names}"
        case Verb.SET_RESOURCES:
            assert isinstance(parameters, SetResourcesParameters)
            return with_resources(live, kind, parameters, of=of), f"set resources of {of}"
        case Verb.CORDON:
            return cordoned(live, unschedulable=True), f"cordon {of}"
        case Verb.UNCORDON:
            return cordoned(live, unschedulable=False), f"uncordon {of}"
        case Verb.ANNOTATE:
            assert isinstance(parameters, MetadataParameters)
            return with_metadata(live, "annotations", parameters, of=of), f"annotate {of}"
        case Verb.LABEL:
            assert isinstance(parameters, MetadataParameters)
            return with_metadata(live, "labels", parameters, of=of), f"label {of}"
        case Verb.TAINT:
            assert isinstance(parameters, TaintParameters)
            return tainted(live, parameters, of=of), f"taint {of} ({', '.join(_taints(parameters))})"
        case Verb.PATCH:
            assert isinstance(parameters, PatchParameters)
            wanted = patched(subject.connection, subject.path, live, parameters, of=of)
            return wanted, f"patch {of} ({', '.join(_keys(parameters.patch))})"
        case Verb.DELETE | Verb.DRAIN | Verb.CREATE_JOB:
            raise AssertionError(f"{subject.operation.verb} is not a change of fields")
        case _:
            assert_never(subject.operation.verb)


def _taints(parameters: TaintParameters) -> list[str]:
    return [
        *(taint_text(taint) for taint in parameters.set),
        *(removal_text(key, effect) for key, effect in parameters.remove),
    ]


def _keys(patch: str) -> list[str]:
    value = json.loads(patch)
    if isinstance(value, dict):
        return sorted(value)
    return [str(item.get("path")) for item in value if isinstance(item, dict)]


def _undone(subject: _Subject, parameters: UndoParameters) -> tuple[Any, str]:
    connection, ref, live, of = subject.connection, subject.ref, subject.live, str(subject.ref)
    query = selected_by((live.get("spec") or {}).get("selector") or {})
    match ref.kind:
        case "Deployment":
            path = list_path(connection, "ReplicaSet", ref.namespace)
            items = connection.get(path, query, what=f"read the history of {of}")["items"]
            wanted, revision = deployment_undone(live, items, parameters.to_revision, of=of)
        case "StatefulSet" | "DaemonSet":
            path = list_path(connection, "ControllerRevision", ref.namespace)
            items = connection.get(path, query, what=f"read the history of {of}")["items"]
            wanted, revision = revision_undone(live, items, parameters.to_revision, of=of)
        case _:
            raise PermanentTargetError(f"{ref.kind} has no rollout history", hint="name a Deployment")
    return wanted, f"undo {of} to revision {revision}"


def _measured(step: Step, verb: Verb, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> _Part:
    """Say how many pods a change of fields touches."""
    kind = step.ref.kind
    fields = step.wanted["fields"]
    if "/spec/replicas" in fields:
        now, then = int(live["spec"].get("replicas", 1)), int(wanted["spec"].get("replicas", 1))
        return _Part((step,), abs(then - now), (now, then))
    bounds = [at for at in ("/spec/minReplicas", "/spec/maxReplicas") if fields.get(at) is not None]
    if kind == "HorizontalPodAutoscaler" and bounds:
        # Its bounds are replicas that somebody else will ask for in our place. It says nothing of pods.
        return _Part(
            (step,), None, max(((int(step.before["fields"][at] or 1), int(fields[at])) for at in bounds), key=_growth)
        )
    rolls = any("/template/" in at or (kind == "Pod" and at.startswith("/spec/")) for at in fields)
    if verb is Verb.RESUME:
        # What was changed while paused rolls out now.
        status = live.get("status") or {}
        rolls = status.get("updatedReplicas", 0) != status.get("replicas", 0)
    if rolls or (verb is Verb.PATCH and pods_of(live, kind) is None):
        return _Part((step,), pods_of(live, kind))
    return _Part((step,), 0)
