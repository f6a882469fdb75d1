"""The steps of draining a node: cordon it, evict its pods, wait until they are gone."""

from collections.abc import Mapping
from typing import Any

from countersign.actions.operation import DrainParameters
from countersign.errors import PermanentTargetError, PolicyRefused
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.plan_delete import eviction
from countersign.targets.kubernetes.plan_node import cordoned, pods_to_evict
from countersign.targets.kubernetes.steps import change_step, evict_step, wait_step
from countersign.targets.model import ObjectRef, Step


def drain_steps(
    connection: Connection,
    ref: ObjectRef,
    live: Mapping[str, Any],
    path: str,
    parameters: DrainParameters,
    *,
    number: int,
) -> tuple[tuple[Step, ...], int]:
    """Return the steps, numbered from `number`, and how many pods are evicted."""
    pods = connection.get(
        list_path(connection, "Pod", None),
        {"fieldSelector": f"spec.nodeName={ref.name}"},
        what=f"list the pods of {ref}",
    )["items"]
    chosen = pods_to_evict(pods, parameters, daemon_sets=_daemon_sets(connection, pods), node=ref.name)
    allowed = connection.settings.allowed_namespaces
    outside = sorted({pod["metadata"]["namespace"] for pod in chosen.evict} - set(allowed)) if allowed else []
    if outside:
        raise PolicyRefused(
            f"draining {ref} would evict pods of {', '.join(outside)}, which the cluster block does not allow",
            hint=f"allowed namespaces: {', '.join(allowed)}",
        )
    steps: list[Step] = []
    cordon = change_step(
        connection,
        ref,
        live,
        cordoned(live, unschedulable=True),
        number=number,
        verb="cordon",
        path=path,
        title=f"cordon {ref}",
        reversible=False,
    )
    if cordon is not None:
        steps.append(cordon)
    version = _eviction_version(connection) if chosen.evict else "v1"
    leaving: list[Mapping[str, str]] = []
    for pod in (*chosen.evict, *chosen.wait_for):
        metadata = pod["metadata"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        pod_path = object_path(connection, "Pod", namespace, name)
        leaving.append({"path": pod_path, "name": f"{namespace}/{name}", "uid": uid})
        if not metadata.get("deletionTimestamp"):
            pod_ref = ObjectRef(ref.system, "Pod", namespace, name, uid)
            body = eviction(pod, version=version, grace_period_seconds=parameters.grace_period_seconds)
            steps.append(evict_step(pod_ref, body, number=number + len(steps), path=pod_path))
    if leaving:
        steps.append(wait_step(ref, leaving, number=number + len(steps)))
    return tuple(steps), len(chosen.evict)


def _daemon_sets(connection: Connection, pods: list[Any]) -> frozenset[tuple[str, str]]:
    owners = [o for pod in pods for o in pod["metadata"].get("ownerReferences") or () if o.get("controller")]
    if not any(owner.get("kind") == "DaemonSet" for owner in owners):
        return frozenset()
    items = connection.get(list_path(connection, "DaemonSet", None), what="list the DaemonSets")["items"]
    return frozenset((item["metadata"]["namespace"], item["metadata"]["uid"]) for item in items)


def _eviction_version(connection: Connection) -> str:
    """Ask discovery, as kubectl does: the policy group may be v1 while pods/eviction still is v1beta1 (1.21)."""
    for resource in connection.resources("", "v1"):
        if resource["name"] == "pods/eviction" and resource["kind"] == "Eviction":
            return str(resource.get("version") or "v1")
    raise PermanentTargetError("the cluster has no eviction API", hint="delete the pods one by one")
