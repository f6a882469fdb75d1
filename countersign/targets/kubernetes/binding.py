"""Pure: can this plan come of this operation?

Asked of every plan that is read back, before anything is sent: a plan is what will be sent, and an operation is what
was signed. Objects, namespaces, requests and the fields that they may change follow from the operation; so do the
values, but for those that the target itself knows (what a revision held, what a server makes of a patch), which the
plan's seal keeps.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from countersign.actions.custom_kinds import is_custom
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    KubernetesOperation,
    Named,
    Verb,
)
from countersign.targets.kubernetes.answers import JSON_PATCH
from countersign.targets.kubernetes.believing import Asked, asked_of
from countersign.targets.kubernetes.changes_of import may_change
from countersign.targets.kubernetes.kinds import api_kind
from countersign.targets.kubernetes.names import normal_forms
from countersign.targets.kubernetes.plan_delete import delete_options, eviction
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.model import ObjectRef, Plan, Step


def not_of(operation: KubernetesOperation, plan: Plan, *, system: str | None, namespace: str | None) -> str | None:
    """Return what of `plan` cannot come of `operation`, as the end of a sentence; None where all of it can.

    `system` is the cluster that was signed, None where none was; `namespace` the one that was signed or is the
    default one, for an operation that names none.
    """
    if plan.verb != operation.verb.value:
        return f"it is a plan to {plan.verb}"
    if system is not None and plan.system != system:
        return f"it is for the cluster {plan.system}"
    where = operation.namespace or namespace
    return _refs(operation, plan, where) or _steps(operation, plan)


def _refs(operation: KubernetesOperation, plan: Plan, namespace: str | None) -> str | None:
    for ref in plan.refs:
        own_namespace = namespace if api_kind(ref.kind).namespaced else None
        if ref.system != plan.system or ref.namespace != own_namespace or not _named(operation, ref):
            return f"it is about {ref}"
    for group in operation.objects:
        for name in group.names:
            if not any(_means(group, name, ref) for ref in plan.refs):
                return f"{group.kind} {name} is missing from it"
    return None


def _named(operation: KubernetesOperation, ref: ObjectRef) -> bool:
    return any(_means(group, name, ref) for group in operation.objects for name in group.names)


def _means(group: Named, name: str, ref: ObjectRef) -> bool:
    return _same_kind(group.kind, ref.kind) and (ref.name == name or ref.name in normal_forms(name, group.kind))


def _same_kind(written: str, found: str) -> bool:
    if is_custom(written) and is_custom(found):
        # Written as plural, singular, kind or short name; the group is always there.
        return written.partition(".")[2] == found.partition(".")[2]
    return written == found


def _steps(operation: KubernetesOperation, plan: Plan) -> str | None:
    for step in plan.steps:
        if not _about(operation, plan, step):
            return f"{step.title!r} is about another object"
        if not _addressed(step):
            return f"{step.title!r} is sent to {step.request.get('path')}"
        if not _asks(operation, step):
            return f"{step.title!r} asks for something else"
    again = [key for key, count in Counter(step.key for step in plan.steps).items() if count > 1]
    if again:
        return f"step {again[0]} is in it twice"
    if operation.verb is not Verb.DRAIN and len({step.ref.key for step in plan.steps}) < len(plan.steps):
        return "it has two steps for one object"
    return None


def _about(operation: KubernetesOperation, plan: Plan, step: Step) -> bool:
    ref = step.ref
    if ref.system != plan.system:
        return False
    if isinstance(operation.parameters, CreateJobParameters):
        return ref.kind == "Job" and ref.name == operation.parameters.job and ref.namespace == plan.refs[0].namespace
    if operation.verb is Verb.DRAIN and _effect(step) is Effect.EVICT:
        return ref.kind == "Pod"
    return ref.key in {own.key for own in plan.refs}


def _addressed(step: Step) -> bool:
    """Tell whether the request goes to the step's object, and nothing else in it says otherwise."""
    effect = _effect(step)
    if effect is Effect.WAIT_GONE:
        return not step.changes
    path = step.request.get("path")
    asked = asked_of(path) if isinstance(path, str) and "?" not in path and "#" not in path else None
    ref = step.ref
    if asked is None or not step.changes or (asked.group, asked.resource) != _where(ref):
        return False
    name = None if effect is Effect.CREATE else ref.name
    tail = "/eviction" if effect is Effect.EVICT else "" if name is None else f"/{asked.name}"
    return (asked.namespace, asked.name) == (ref.namespace, name) and str(path).endswith(tail) and _plain(asked, path)


def _plain(asked: Asked, path: Any) -> bool:
    """Tell whether the path has no more parts than its object needs, but an eviction's own."""
    parts = str(path).strip("/").split("/")
    root = 2 if asked.group == "" else 3
    own = root + (2 if asked.namespace else 0) + 1 + (1 if asked.name else 0)
    return len(parts) == own + (1 if parts[-1] == "eviction" else 0)


def _asks(operation: KubernetesOperation, step: Step) -> bool:
    parameters, effect, body = operation.parameters, _effect(step), step.request.get("body")
    match operation.verb:
        case Verb.DELETE:
            assert isinstance(parameters, DeleteParameters)
            return effect is Effect.DELETE and body == delete_options(step.before["uid"], parameters)
        case Verb.CREATE_JOB:
            return effect is Effect.CREATE and _is_job(body, step.ref)
        case Verb.DRAIN if effect is Effect.EVICT:
            assert isinstance(parameters, DrainParameters)
            return _is_eviction(body, step, parameters)
        case Verb.DRAIN if effect is Effect.WAIT_GONE:
            return True
        case _:
            if effect is not Effect.CHANGE or step.request.get("contentType") != JSON_PATCH:
                return False
            return _tests_the_uid(body, step) and may_change(operation, step.ref.kind, body)


def _tests_the_uid(body: Any, step: Step) -> bool:
    first = next(iter(body), None) if isinstance(body, list) else None
    return bool(first == {"op": "test", "path": "/metadata/uid", "value": step.before["uid"]})


def _is_job(body: Any, ref: ObjectRef) -> bool:
    if not isinstance(body, Mapping) or body.get("kind") != "Job":
        return False
    metadata = body.get("metadata") or {}
    return metadata.get("name") == ref.name and metadata.get("namespace") in (None, ref.namespace)


def _is_eviction(body: Any, step: Step, parameters: DrainParameters) -> bool:
    if not isinstance(body, Mapping):
        return False
    version = str(body.get("apiVersion")).removeprefix("policy/")
    pod = {"metadata": {"name": step.ref.name, "namespace": step.ref.namespace, "uid": step.before["uid"]}}
    seconds = parameters.grace_period_seconds
    return version in ("v1", "v1beta1") and body == eviction(pod, version=version, grace_period_seconds=seconds)


def _effect(step: Step) -> Effect | None:
    try:
        return Effect(step.request.get("effect", ""))
    except ValueError:
        return None


def _where(ref: ObjectRef) -> tuple[str, str]:
    place = api_kind(ref.kind)
    return place.group, place.plural
