"""PodDisruptionBudgets: how many pods may be evicted now."""

from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.rollout import share
from sandbox.cluster.controllers.world import World, is_active, is_ready
from sandbox.cluster.selectors import labels_of, matches
from sandbox.cluster.store import Object

_RESOURCE = "poddisruptionbudgets.policy"


def sync_budget(world: World, item: Object) -> None:
    """Count the healthy pods and what may go."""
    metadata, spec, before = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    every = world.store.list("pods", metadata["namespace"])
    pods = [pod for pod in every if matches(spec.get("selector"), labels_of(pod)) and is_active(pod)]
    known = {pod["metadata"]["name"] for pod in pods}
    disrupted = {name: at for name, at in (before.get("disruptedPods") or {}).items() if name in known}
    healthy = sum(is_ready(pod) and pod["metadata"]["name"] not in disrupted for pod in pods)
    expected = _expected(world, metadata["namespace"], pods)
    if "maxUnavailable" in spec:
        desired = max(expected - share(spec["maxUnavailable"], expected, up=True), 0)
    else:
        wanted = spec.get("minAvailable", 1)
        if isinstance(wanted, int):
            expected = len(pods)
        desired = share(wanted, expected, up=True)
    allowed = max(healthy - desired, 0) if expected > 0 else 0
    reason = "SufficientPods" if allowed else "InsufficientPods"
    conditions = condition(
        before.get("conditions"), "DisruptionAllowed", allowed > 0, reason, "",
        observedGeneration=metadata["generation"],
    )  # fmt: skip
    world.set_status(
        _RESOURCE,
        item,
        {
            "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed,
            "expectedPods": expected, "observedGeneration": metadata["generation"], "conditions": conditions,
            "disruptedPods": disrupted or None,
        },
    )  # fmt: skip


def _expected(world: World, namespace: str, pods: list[Object]) -> int:
    """Return how many pods the controllers of these pods want."""
    sizes: dict[str, int] = {}
    for pod in pods:
        owner = next(iter(pod["metadata"].get("ownerReferences") or ()), None)
        if owner is None:
            sizes[pod["metadata"]["uid"]] = 1
            continue
        resource = f"{owner['kind'].lower()}s.apps"
        found = world.store.get(resource, namespace, owner["name"])
        above = next(iter((found or {}).get("metadata", {}).get("ownerReferences") or ()), None)
        if above is not None and above["kind"] == "Deployment":
            found = world.store.get("deployments.apps", namespace, above["name"])
        if found is not None:
            sizes[found["metadata"]["uid"]] = (found.get("spec") or {}).get("replicas", 1)
    return sum(sizes.values())
