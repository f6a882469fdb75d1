"""ResourceQuotas: what their namespace uses."""

from sandbox.cluster.controllers.world import World
from sandbox.cluster.quotas import used
from sandbox.cluster.store import Object


def sync_quota(world: World, item: Object) -> None:
    """Count what the namespace uses of each limit."""
    hard = (item.get("spec") or {}).get("hard") or {}
    status = {"hard": dict(hard), "used": used(world.store, item["metadata"]["namespace"], hard)}
    world.set_status("resourcequotas", item, status)
