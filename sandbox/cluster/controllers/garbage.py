"""What goes when something else goes: dependents of a deleted owner, the contents of a namespace."""

from sandbox.cluster.controllers.world import World
from sandbox.cluster.kinds import Kind
from sandbox.cluster.store import Object

_FOREGROUND = "foregroundDeletion"


def collect(world: World, gone: Object) -> None:
    """Delete what only the deleted object owned."""
    uid = gone["metadata"]["uid"]
    world.marks.pop(f"progress:{uid}", None)
    world.marks.pop(f"ready:{uid}", None)
    if gone["kind"] == "CustomResourceDefinition":
        _forget_objects(world, gone)
    for resource, item in list(world.store.owned(uid)):
        if "deletionTimestamp" not in item["metadata"]:
            world.delete(resource, item)


def _forget_objects(world: World, definition: Object) -> None:
    """Remove what a definition defined: nothing serves it any more."""
    spec = definition["spec"]
    for item in world.store.list(f"{spec['names']['plural']}.{spec['group']}"):
        world.store.remove(f"{spec['names']['plural']}.{spec['group']}", item)


def sync_deletion(world: World, kind: Kind, item: Object) -> None:
    """Finish a foreground deletion once its dependents are gone."""
    finalizers = item["metadata"].get("finalizers") or []
    if _FOREGROUND not in finalizers:
        return
    dependents = list(world.store.owned(item["metadata"]["uid"]))
    for resource, each in dependents:
        if "deletionTimestamp" not in each["metadata"]:
            world.delete(resource, each)
    if any(True for _ in world.store.owned(item["metadata"]["uid"])):
        world.later(kind.resource, item, 0.1)
    elif finalizers == [_FOREGROUND]:
        world.store.remove(kind.resource, item)


def sync_namespace(world: World, item: Object) -> None:
    """Empty a terminating namespace, then remove it."""
    if "deletionTimestamp" not in item["metadata"]:
        return
    name = item["metadata"]["name"]
    resources = world.store.resources()
    left = [(resource, each) for resource in resources for each in world.store.list(resource, name)]
    for resource, each in left:
        current = world.store.get(resource, name, each["metadata"]["name"])
        if current is not None and "deletionTimestamp" not in current["metadata"]:
            world.delete(resource, current)
    if not any(world.store.list(resource, name) for resource in resources):
        world.store.remove("namespaces", item)
    else:
        world.later("namespaces", item, 0.1)
