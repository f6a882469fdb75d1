"""HorizontalPodAutoscalers: the bounds are kept; the load is always the target's own."""

from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.world import World
from sandbox.cluster.kinds import kind_of
from sandbox.cluster.store import Object, now

_RESOURCE = "horizontalpodautoscalers.autoscaling"


def sync_autoscaler(world: World, item: Object) -> None:
    """Bring the target within minReplicas and maxReplicas, unless it is at 0, which switches the autoscaler off."""
    spec, before = item["spec"], item.get("status") or {}
    reference = spec["scaleTargetRef"]
    kind = kind_of(reference.get("apiVersion", "apps/v1"), reference["kind"])
    target = kind and world.store.get(kind.resource, item["metadata"]["namespace"], reference["name"])
    if not kind or not target:
        text = f"the HPA controller was unable to get the target's current scale: {reference['name']} not found"
        conditions = condition(before.get("conditions"), "AbleToScale", False, "FailedGetScale", text)
        world.set_status(_RESOURCE, item, {**before, "conditions": conditions, "desiredReplicas": 0})
        return
    now_is = target["spec"].get("replicas", 0)
    wanted = min(max(now_is, spec.get("minReplicas", 1)), spec["maxReplicas"]) if now_is else 0
    if wanted != now_is:
        metadata = {**target["metadata"], "generation": target["metadata"]["generation"] + 1}
        world.replace(kind.resource, target, metadata=metadata, spec={**target["spec"], "replicas": wanted})
        world.event(item, "Normal", "SuccessfulRescale", f"New size: {wanted}; reason: outside the bounds")
    conditions = condition(
        before.get("conditions"), "AbleToScale", True, "ReadyForNewScale", "recommended size matches"
    )
    active = condition(
        conditions, "ScalingActive", now_is > 0, "ValidMetricFound" if now_is else "ScalingDisabled", ""
    )
    status = {
        "currentReplicas": now_is,
        "desiredReplicas": wanted,
        "conditions": active,
        "lastScaleTime": now() if wanted != now_is else before.get("lastScaleTime"),
    }
    world.set_status(_RESOURCE, item, status)
