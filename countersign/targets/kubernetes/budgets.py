"""What PodDisruptionBudgets say about a plan that takes pods away."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.model import Finding, Plan, Severity, Step
from countersign.texts import text


def budget_findings(connection: Connection, plan: Plan) -> Iterable[Finding]:
    """Find budgets without room for the plan's pod deletions and scale-downs.

    The API does not ask a budget before a plain deletion, so deleting a ready pod is blocked here. Evictions are
    asked by their own dry run.
    """
    cache: dict[str | None, list[Any]] = {}
    for step in plan.steps:
        deletes_pod = step.ref.kind == "Pod" and step.request["effect"] == Effect.DELETE.value
        if not (deletes_pod or _scales_down(step)):
            continue
        try:
            live = connection.get(object_path(connection, step.ref.kind, step.ref.namespace, step.ref.name))
        except TargetNotFound:
            continue
        if step.ref.namespace not in cache:
            try:
                path = list_path(connection, "PodDisruptionBudget", step.ref.namespace)
                cache[step.ref.namespace] = connection.get(path, what="list the budgets")["items"]
            except PermanentTargetError:
                said = text("finding.pdb_not_readable", object=step.ref)
                yield Finding(Severity.WARNING, "pdb_not_readable", said)
                return
        budgets = cache[step.ref.namespace]
        yield from deletion_findings(step, live, budgets) if deletes_pod else scale_findings(step, live, budgets)


def deletion_findings(step: Step, pod: Mapping[str, Any], budgets: Iterable[Mapping[str, Any]]) -> Iterable[Finding]:
    """Judge the deletion of one pod."""
    for budget in budgets:
        if not selects(budget["spec"].get("selector"), pod["metadata"].get("labels") or {}):
            continue
        if (budget.get("status") or {}).get("disruptionsAllowed", 0) > 0:
            continue
        name = budget["metadata"]["name"]
        if is_ready(pod):
            said = text("finding.pdb_broken", name=name, object=step.ref)
            yield Finding(Severity.BLOCKING, "pdb_no_headroom", said)
        else:
            said = text("finding.pdb_pod_not_ready", name=name, object=step.ref)
            yield Finding(Severity.INFO, "pdb_pod_not_ready", said)


def scale_findings(step: Step, live: Mapping[str, Any], budgets: Iterable[Mapping[str, Any]]) -> Iterable[Finding]:
    """Judge a scale-down against budgets that want a fixed number of pods."""
    labels = (live["spec"].get("template") or {}).get("metadata", {}).get("labels") or {}
    wanted = step.wanted["fields"]["/spec/replicas"]
    for budget in budgets:
        minimum = budget["spec"].get("minAvailable")
        if isinstance(minimum, int) and wanted < minimum and selects(budget["spec"].get("selector"), labels):
            said = text("finding.pdb_below_minimum", name=budget["metadata"]["name"], minimum=minimum, left=wanted)
            yield Finding(Severity.WARNING, "pdb_below_minimum", said)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches, with the API's semantics; no selector matches nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for rule in selector.get("matchExpressions") or ():
        value, values = labels.get(rule["key"]), rule.get("values") or ()
        match rule["operator"]:
            case "In":
                holds = value in values
            case "NotIn":
                holds = value not in values
            case "Exists":
                holds = value is not None
            case "DoesNotExist":
                holds = value is None
            case _:
                holds = False
        if not holds:
            return False
    return True


def _scales_down(step: Step) -> bool:
    fields = step.wanted.get("fields") or {}
    if "/spec/replicas" not in fields:
        return False
    before = step.before["fields"]["/spec/replicas"]
    return before is not None and fields["/spec/replicas"] < before
