"""Scale and eviction: views and verbs on objects of other kinds."""

from collections.abc import Callable, Mapping
from typing import Any

from countersign.sandbox.cluster.delete_options import Deletion
from countersign.sandbox.cluster.kinds import Kind, stored
from countersign.sandbox.cluster.options import Options
from countersign.sandbox.cluster.reading import read_patched, read_sent
from countersign.sandbox.cluster.selectors import labels_of, matches, selector_text
from countersign.sandbox.cluster.status import (
    Cause,
    StatusError,
    bad_request,
    invalid,
    invalid_value,
    modified,
    precondition,
    too_many_requests,
    wrong_uid,
)
from countersign.sandbox.cluster.store import Object, now
from countersign.sandbox.cluster.writing import Writer

_WITHOUT_BUDGET = ("Succeeded", "Failed", "Pending")


def scale_of(item: Object) -> dict[str, Any]:
    """Return the autoscaling/v1 Scale of a workload."""
    metadata = item["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec, status = item.get("spec") or {}, item.get("status") or {}
    replicas = spec.get("replicas", 0)
    selector = spec.get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": status.get("replicas", 0), "selector": selector_text(selector)},
    }


def write_scale(
    writer: Writer,
    kind: Kind,
    namespace: str,
    name: str,
    *,
    alter: Callable[[dict[str, Any]], Any],
    options: Options,
    patched: bool,
) -> dict[str, Any]:
    """Set spec.replicas through the Scale that `alter` makes of the present one. Raises StatusError.

    `patched` is True if the Scale is made of a patch, False if it was sent.
    """
    before = writer.existing(kind, namespace, name)
    altered = alter(scale_of(before))
    read = read_patched if patched else read_sent
    scale, warnings = read(_SCALE, altered, options)
    metadata = scale.get("metadata") or {}
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if metadata.get("name", name) != name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
    if metadata.get("uid") and metadata["uid"] != before["metadata"]["uid"]:
        raise wrong_uid(kind, name, wanted=metadata["uid"], found=before["metadata"]["uid"])
    if replicas < 0:
        why = "must be greater than or equal to 0"
        raise invalid(_SCALE, name, [invalid_value("spec.replicas", replicas, why)])
    version = metadata.get("resourceVersion")
    if version and version != before["metadata"]["resourceVersion"]:
        raise modified(kind, name)

    def with_replicas(item: dict[str, Any]) -> dict[str, Any]:
        item["spec"]["replicas"] = replicas
        return item

    found = scale_of(writer.change(kind, namespace, name, with_replicas, subresource="scale", options=options))
    writer.warnings = warnings
    return found


_SCALE = Kind(group="autoscaling", version="v1", plural="scales", kind="Scale", model="V1Scale")


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
