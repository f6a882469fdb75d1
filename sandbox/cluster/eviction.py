"""Eviction: a deletion that budgets may refuse (pkg/registry/core/pod/storage/eviction.go)."""

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.conditions import condition
from sandbox.cluster.delete_options import Deletion
from sandbox.cluster.kinds import stored
from sandbox.cluster.managed.entries import UPDATE, Manager, after_update
from sandbox.cluster.selectors import labels_of, matches
from sandbox.cluster.status import (
    Cause,
    StatusError,
    bad_request,
    precondition,
    too_many_requests,
)
from sandbox.cluster.store import Object, now
from sandbox.cluster.writing import Writer

_WITHOUT_BUDGET = ("Succeeded", "Failed", "Pending")


def evict(writer: Writer, namespace: str, name: str, body: Mapping[str, Any], how: Deletion) -> dict[str, Any]:
    """Delete a pod if its budget allows (policy/v1 Eviction). Raises StatusError, 429 where the budget says no."""
    pods = stored("pods")
    pod = writer.existing(pods, namespace, name)
    if body.get("kind") not in (None, "Eviction"):
        raise bad_request(f"the kind in the data ({body['kind']}) does not match the expected kind (Eviction)")
    if (body.get("metadata") or {}).get("name") != name:
        raise bad_request("name in URL does not match name in Eviction object")
    if how.uid and how.uid != pod["metadata"]["uid"]:
        raise precondition(pods, name, "UID", wanted=how.uid, found=pod["metadata"]["uid"])
    terminating = "deletionTimestamp" in pod["metadata"]
    if not terminating and (pod.get("status") or {}).get("phase") not in _WITHOUT_BUDGET:
        _take_from_budget(writer, namespace, pod, dry_run=how.dry_run)
    if not terminating and not how.dry_run:
        _mark(writer, pod)
    writer.delete(pods, namespace, name, how)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _take_from_budget(writer: Writer, namespace: str, pod: Object, *, dry_run: bool) -> None:
    budgets = [
        item
        for item in writer.store.list("poddisruptionbudgets.policy", namespace)
        if matches((item.get("spec") or {}).get("selector"), labels_of(pod))
    ]
    if len(budgets) > 1:
        raise StatusError(
            500, "InternalError", "This pod has more than one PodDisruptionBudget, which the eviction subresource "
            "does not support.",
        )  # fmt: skip
    for budget in budgets:
        if _goes_unasked(budget, pod):
            continue
        status, name = budget.get("status") or {}, budget["metadata"]["name"]
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            cause = Cause("", f"The disruption budget {name} is still being processed by the server.",
                          "DisruptionBudget")  # fmt: skip
            raise too_many_requests(
                "Cannot evict pod as it would violate the pod's disruption budget.", retry_after=10, causes=[cause]
            )
        if status.get("disruptionsAllowed", 0) <= 0:
            needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
            why = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
            raise too_many_requests(
                "Cannot evict pod as it would violate the pod's disruption budget.",
                retry_after=None,
                causes=[Cause("", why, "DisruptionBudget")],
            )
        if not dry_run:
            disrupted = {**(status.get("disruptedPods") or {}), pod["metadata"]["name"]: now()}
            allowed = status["disruptionsAllowed"] - 1
            next_status = {**status, "disruptionsAllowed": allowed, "disruptedPods": disrupted}
            writer.store.replace(
                "poddisruptionbudgets.policy",
                budget,
                {**budget, "metadata": dict(budget["metadata"]), "status": next_status},
            )


def _goes_unasked(budget: Object, pod: Object) -> bool:
    """True for a pod that isn't ready and that the budget's policy lets go without counting it."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
        return False
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    return bool(status.get("desiredHealthy", 0) > 0 and status.get("currentHealthy", 0) >= status["desiredHealthy"])


def _mark(writer: Writer, pod: Object) -> None:
    """Say in the pod's status that it is evicted, before it is deleted."""
    status = pod.get("status") or {}
    conditions = condition(
        status.get("conditions"), "DisruptionTarget", True, "EvictionByEvictionAPI", "Eviction API: evicting"
    )
    item = {**pod, "metadata": dict(pod["metadata"]), "status": {**status, "conditions": conditions}}
    manager = Manager(UPDATE, "kube-apiserver", "v1", "status")
    item["metadata"]["managedFields"] = after_update("V1Pod", pod, item, manager, now())
    writer.store.replace("pods", pod, item)
