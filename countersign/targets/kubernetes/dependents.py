"""What depends on an object that is to be deleted: who uses it, who makes it again, what goes with it."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.budgets import is_ready
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.steps import owner_of
from countersign.targets.model import Finding, ObjectRef, Severity

_NAMES_SHOWN = 5


def dependent_findings(connection: Connection, ref: ObjectRef, live: Mapping[str, Any]) -> Iterable[Finding]:
    """Say what the deletion of `live` means for others. Raises TransientTargetError."""
    match ref.kind:
        case "ReplicaSet":
            owner = owner_of(live)
            if owner is not None:
                text = f"{ref} is controlled by {owner['kind']} {owner['name']}, which makes another one at once."
                yield Finding(Severity.WARNING, "made_again", text)
        case "PersistentVolumeClaim":
            pods = _readable(connection, list_path(connection, "Pod", ref.namespace))
            volume = str((live.get("spec") or {}).get("volumeName") or "")
            found = _readable(connection, object_path(connection, "PersistentVolume", None, volume)) if volume else {}
            if pods is None or found is None:
                text = f"Not everything that uses {ref} can be read here (pods, its volume)."
                yield Finding(Severity.WARNING, "dependents_not_readable", text)
            yield from claim_findings(ref, (pods or {}).get("items", ()), found or {})
        case "VolumeAttachment":
            node = str((live.get("spec") or {}).get("nodeName") or "")
            found = _readable(connection, object_path(connection, "Node", None, node)) if node else {}
            yield from attachment_findings(ref, live, found or {})
        case "Lease":
            holder = (live.get("spec") or {}).get("holderIdentity")
            if holder:
                text = f"{ref} is held by {holder}; if that still works, two may believe that they lead."
                yield Finding(Severity.WARNING, "lease_held", text)


def claim_findings(ref: ObjectRef, pods: Iterable[Mapping[str, Any]], volume: Mapping[str, Any]) -> Iterable[Finding]:
    """Judge the deletion of a claim by the pods of its namespace and by its volume."""
    users = sorted(pod["metadata"]["name"] for pod in pods if _mounts(pod, ref.name))
    if users:
        more = f" and {len(users) - _NAMES_SHOWN} more" if len(users) > _NAMES_SHOWN else ""
        names = ", ".join(users[:_NAMES_SHOWN]) + more
        text = f"{ref} is used by {names}: it stays until they are gone, and nothing new can use it."
        yield Finding(Severity.WARNING, "claim_in_use", text)
    if (volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") == "Delete":
        text = f"The volume {volume['metadata']['name']} of {ref} has the reclaim policy Delete: its data is lost."
        yield Finding(Severity.WARNING, "data_lost", text)


def attachment_findings(ref: ObjectRef, live: Mapping[str, Any], node: Mapping[str, Any]) -> Iterable[Finding]:
    """Judge the deletion of an attachment by the node that the volume is attached to."""
    if (live.get("status") or {}).get("attached") and is_ready(node):
        text = f"The volume of {ref} is attached to {live['spec']['nodeName']}, which is ready: pods there may write."
        yield Finding(Severity.WARNING, "volume_attached", text)


def _mounts(pod: Mapping[str, Any], claim: str) -> bool:
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return not finished and any(
        (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes
    )


def _readable(connection: Connection, path: str) -> Mapping[str, Any] | None:
    """Return what is there, {} where nothing is, None where these credentials may not read it."""
    try:
        found: Mapping[str, Any] = connection.get(path)
    except TargetNotFound:
        return {}
    except PermanentTargetError:
        return None
    return found
