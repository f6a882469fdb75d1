"""Claims and volumes: a claim of a known class gets a volume, and goes only when no pod uses it any more."""

from typing import Any

from sandbox.cluster.claims import PROTECTION
from sandbox.cluster.controllers.world import World
from sandbox.cluster.store import Object

_CLAIMS, _VOLUMES = "persistentvolumeclaims", "persistentvolumes"


def sync_claim(world: World, claim: Object) -> None:
    """Bind a claim, let it grow, or let it go."""
    if "deletionTimestamp" in claim["metadata"]:
        _let_go(world, claim)
    elif (claim.get("status") or {}).get("phase") != "Bound":
        _bind(world, claim)
    else:
        _grow(world, claim)


def _bind(world: World, claim: Object) -> None:
    spec, metadata = claim["spec"], claim["metadata"]
    storage = world.store.get("storageclasses.storage.k8s.io", "", spec.get("storageClassName", ""))
    if storage is None:
        return
    name, size = f"pvc-{metadata['uid']}", spec["resources"]["requests"]["storage"]
    if world.store.get(_VOLUMES, "", name) is None:
        reference = {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": metadata["name"],
            "namespace": metadata["namespace"], "uid": metadata["uid"],
        }  # fmt: skip
        source = {"driver": storage["provisioner"], "volumeHandle": name}
        volume: dict[str, Any] = {
            "accessModes": spec["accessModes"], "capacity": {"storage": size}, "claimRef": reference, "csi": source,
            "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy", "Delete"),
            "storageClassName": spec["storageClassName"], "volumeMode": spec["volumeMode"],
        }  # fmt: skip
        made = world.create(
            _VOLUMES, "", {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume}
        )
        world.set_status(_VOLUMES, made, {"phase": "Bound"})
    status = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": {"storage": size}}
    world.replace(_CLAIMS, claim, spec={**spec, "volumeName": name}, status=status)


def _grow(world: World, claim: Object) -> None:
    wanted = claim["spec"]["resources"]["requests"]["storage"]
    if (claim["status"].get("capacity") or {}).get("storage") != wanted:
        world.set_status(_CLAIMS, claim, {**claim["status"], "capacity": {"storage": wanted}})


def _let_go(world: World, claim: Object) -> None:
    metadata = claim["metadata"]
    for pod in world.store.list("pods", metadata["namespace"]):
        for volume in pod["spec"].get("volumes") or ():
            if (volume.get("persistentVolumeClaim") or {}).get("claimName") == metadata["name"]:
                # The pod's end has the claim looked at again.
                return
    left = [each for each in metadata.get("finalizers") or () if each != PROTECTION]
    if left:
        world.replace(_CLAIMS, claim, metadata={**metadata, "finalizers": left})
        return
    world.store.remove(_CLAIMS, claim)
    volume = world.store.get(_VOLUMES, "", claim["spec"].get("volumeName", ""))
    if volume is not None and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        world.delete(_VOLUMES, volume)
