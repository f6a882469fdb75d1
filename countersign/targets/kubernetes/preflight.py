"""What the cluster itself says against a plan: dry runs of its requests, budgets, autoscalers, owners."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.actions.operation import Verb
from countersign.errors import (
    PermanentTargetError,
    PreconditionFailed,
    TargetNotFound,
    TransientTargetError,
)
from countersign.targets.kubernetes.budgets import budget_findings
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.cronjobs import cronjob_findings
from countersign.targets.kubernetes.dependents import dependent_findings
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.observe import facts_of
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.kubernetes.rollout_status import keeps_every_pod
from countersign.targets.kubernetes.steps import DROPPED
from countersign.targets.model import Finding, ObjectRef, Plan, Severity, Step
from countersign.texts import text

_ROLLS = frozenset({Verb.RESTART, Verb.UNDO})
_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")


def preflight(connection: Connection, plan: Plan) -> tuple[Finding, ...]:
    """Return what was found; a BLOCKING finding means that the plan must not be performed.

    Raises TransientTargetError when the cluster could not be asked.
    """
    if not plan.steps:
        return (Finding(Severity.INFO, "nothing_to_do", "Everything already is as wanted; nothing will be sent."),)
    findings: list[Finding] = []
    connection.warnings()  # what was warned of until here was about reading
    for namespace in sorted({ref.namespace for ref in plan.refs if ref.namespace}):
        findings += _namespace_findings(connection, namespace)
    for ref in plan.refs:
        live = _read(connection, ref)
        if live is not None:
            findings += state_findings(ref, live, Verb(plan.verb))
            findings += _autoscaler_findings(connection, plan, ref)
            if ref.kind == "CronJob":
                findings += cronjob_findings(ref, live, plan.steps, Verb(plan.verb))
            if plan.verb == Verb.DELETE:
                findings += dependent_findings(connection, ref, live)
    for step in plan.steps:
        findings += image_findings(step)
        findings += dropping_findings(step)
        findings += _dry_run(connection, step)
        findings += [warning_finding(step, said) for said in connection.warnings()]
    findings += budget_findings(connection, plan)
    return tuple(findings)


def warning_finding(step: Step, said: str) -> Finding:
    """Return what a server's warning about a request amounts to: a field that it drops makes it another request."""
    if "unknown field" in said or "duplicate field" in said:
        return Finding(Severity.BLOCKING, "field_dropped", text("finding.field_dropped", step=step.title, said=said))
    return Finding(Severity.WARNING, "server_warning", text("finding.server_warning", step=step.title, said=said))


def _namespace_findings(connection: Connection, namespace: str) -> Iterable[Finding]:
    try:
        live = connection.get(object_path(connection, "Namespace", None, namespace), what=f"read {namespace}")
    except (TargetNotFound, PermanentTargetError):
        return  # not allowed to read namespaces: nothing is claimed about it
    if live["metadata"].get("deletionTimestamp"):
        yield Finding(
            Severity.WARNING,
            "namespace_terminating",
            text("finding.namespace_terminating", namespace=namespace),
        )


def state_findings(ref: ObjectRef, live: Mapping[str, Any], verb: Verb) -> Iterable[Finding]:
    """Judge the object's own state: paused, in the middle of a rollout, owned by a GitOps tool."""
    spec, status, metadata = live.get("spec") or {}, live.get("status") or {}, live["metadata"]
    if ref.kind == "Deployment":
        if spec.get("paused") and verb in _ROLLS:
            yield Finding(
                Severity.BLOCKING, "rollout_paused", text("finding.rollout_paused", object=ref, verb=verb.value)
            )
        elif spec.get("paused") and verb in (Verb.SET_IMAGE, Verb.SET_ENV, Verb.SET_RESOURCES):
            yield Finding(Severity.WARNING, "rollout_paused", text("finding.rollout_paused_until", object=ref))
        if rollout_in_progress(live):
            yield Finding(Severity.WARNING, "rollout_in_progress", text("finding.rollout_in_progress", object=ref))
    rolls = verb in _ROLLS or verb in (Verb.SET_IMAGE, Verb.SET_ENV, Verb.SET_RESOURCES)
    if rolls and keeps_every_pod(ref.kind, facts_of(live, ref.kind)):
        yield Finding(
            Severity.WARNING,
            "partition_keeps_all",
            text("finding.partition_keeps_all", object=ref),
        )
    if since := metadata.get("deletionTimestamp"):
        held = ", ".join(metadata.get("finalizers") or ())
        key = "finding.terminating_held" if held else "finding.terminating"
        yield Finding(Severity.WARNING, "terminating", text(key, object=ref, since=since, finalizers=held))
    if ref.kind == "DaemonSet" and status.get("observedGeneration", 0) < metadata.get("generation", 0):
        yield Finding(Severity.WARNING, "rollout_in_progress", text("finding.change_not_seen", object=ref))
    if verb in (Verb.DELETE, Verb.CORDON, Verb.UNCORDON, Verb.DRAIN, Verb.TAINT, Verb.CREATE_JOB):
        return
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for tool, keys in (("Argo CD", _ARGO), ("Flux", _FLUX)):
        if any(key in marks for key in keys):
            yield Finding(
                Severity.WARNING,
                "gitops_owned",
                text("finding.gitops_owned", object=ref, tool=tool),
            )
    if marks.get("app.kubernetes.io/managed-by") == "Helm":
        yield Finding(Severity.INFO, "helm_owned", text("finding.helm_owned", object=ref))


def rollout_in_progress(live: Mapping[str, Any]) -> bool:
    """Return whether a Deployment's controller still works on an earlier change (kubectl rollout status)."""
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return True
    updated = status.get("updatedReplicas", 0)
    return bool(
        updated < wanted or status.get("replicas", 0) > updated or status.get("availableReplicas", 0) < updated
    )


def dropping_findings(step: Step) -> Iterable[Finding]:
    """Block a merge patch that would take away what it does not name: it replaces lists whole (RFC 7386)."""
    if lost := step.before.get(DROPPED):
        yield Finding(
            Severity.BLOCKING,
            "patch_drops",
            text("finding.patch_drops", object=step.ref, lost=", ".join(lost)),
        )


def image_findings(step: Step) -> Iterable[Finding]:
    """Warn about images that name no fixed version: replay and rollback cannot know what they will be."""
    for at, value in (step.wanted.get("fields") or {}).items():
        if at.endswith("/image") and isinstance(value, str) and "@" not in value:
            tag = value.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield Finding(Severity.WARNING, "image_not_pinned", text("finding.image_not_pinned", image=value))


def _dry_run(connection: Connection, step: Step) -> Iterable[Finding]:
    effect = Effect(step.request["effect"])
    try:
        connection.dry_run(step.request, what=f"dry run: {step.title}")
    except TargetNotFound as error:
        if effect is Effect.CHANGE:
            yield Finding(Severity.BLOCKING, "gone", text("finding.gone", said=error.message))
        else:
            yield Finding(Severity.INFO, "already_gone", text("finding.already_gone", object=step.ref))
    except PreconditionFailed as error:
        yield Finding(Severity.BLOCKING, "changed_since_plan", text("finding.changed_since_plan", said=error.message))
    except PermanentTargetError as error:
        yield Finding(Severity.BLOCKING, "dry_run_refused", text("finding.dry_run_refused", said=error.message))
    except TransientTargetError as error:
        # A budget without headroom; a drain waits for it, so it is a warning, and a busy server is no finding.
        if effect is not Effect.EVICT or error.retry_after is None:
            raise
        yield Finding(Severity.WARNING, "pdb_no_headroom", text("finding.eviction_not_now", object=step.ref))


def _autoscaler_findings(connection: Connection, plan: Plan, ref: ObjectRef) -> Iterable[Finding]:
    wanted = next(
        (s.wanted["fields"]["/spec/replicas"] for s in plan.steps if s.ref == ref and _scales(s)),
        None,
    )
    if wanted is None:
        return
    try:
        items = connection.get(list_path(connection, "HorizontalPodAutoscaler", ref.namespace))["items"]
    except PermanentTargetError:
        message = text("finding.hpa_not_readable", object=ref)
        yield Finding(Severity.WARNING, "hpa_not_readable", message)
        return
    yield from autoscaler_findings(ref, wanted, items)


def autoscaler_findings(ref: ObjectRef, wanted: int, autoscalers: Iterable[Mapping[str, Any]]) -> Iterable[Finding]:
    """Say which autoscaler owns the replicas of `ref` and what it will do to `wanted`."""
    for item in autoscalers:
        spec = item["spec"]
        target = spec.get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) != (ref.kind, ref.name):
            continue
        low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 1)
        name = item["metadata"]["name"]
        if low <= wanted <= high:
            message = text("finding.hpa_owns", name=name, object=ref, low=low, high=high)
        elif wanted == 0:
            message = text("finding.hpa_stops", name=name, object=ref)
        else:
            message = text("finding.hpa_brings_back", name=name, object=ref, wanted=wanted, low=low, high=high)
        yield Finding(Severity.WARNING, "hpa_owns_replicas", message)


def _scales(step: Step) -> bool:
    return "/spec/replicas" in (step.wanted.get("fields") or {})


def _read(connection: Connection, ref: ObjectRef) -> Mapping[str, Any] | None:
    try:
        live: Mapping[str, Any] = connection.get(
            object_path(connection, ref.kind, ref.namespace, ref.name), what=f"read {ref}"
        )
    except TargetNotFound:
        return None
    return live
