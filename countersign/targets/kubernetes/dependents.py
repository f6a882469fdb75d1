"""What depends on an object that is to be deleted: who uses it, who makes it again, what goes with it."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.budgets import is_ready
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.steps import owner_of
from countersign.targets.model import Finding, ObjectRef, Severity
from countersign.texts import text

_NAMES_SHOWN = 5


def dependent_findings(connection: Connection, ref: ObjectRef, live: Mapping[str, Any]) -> Iterable[Finding]:
    """Say what the deletion of `live` means for others. Raises TransientTargetError."""
    match ref.kind:
        case "ReplicaSet":
            owner = owner_of(live)
            if owner is not None:
                said = text("finding.made_again", object=ref, owner=f"{owner['kind']} {owner['name']}")
                yield Finding(Severity.WARNING, "made_again", said)
        case "PersistentVolumeClaim":
            pods = _readable(connection, list_path(connection, "Pod", ref.namespace))
            volume = str((live.get("spec") or {}).get("volumeName") or "")
            found = _readable(connection, object_path(connection, "PersistentVolume", None, volume)) if volume else {}
            if pods is None or found is None:
                said = text("finding.dependents_not_readable", object=ref)
                yield Finding(Severity.WARNING, "dependents_not_readable", said)
            yield from claim_findings(ref, (pods or {}).get("items", ()), found or {})
        case "VolumeAttachment":
            node = str((live.get("spec") or {}).get("nodeName") or "")
            found = _readable(connection, object_path(connection, "Node", None, node)) if node else {}
            yield from attachment_findings(ref, live, found or {})
        case "Lease":
            holder = (live.get("spec") or {}).get("holderIdentity")
            if holder:
                said = text("finding.lease_held", object=ref, holder=holder)
                yield Finding(Severity.WARNING, "lease_held", said)


def claim_findings(ref: ObjectRef, pods: Iterable[Mapping[str, Any]], volume: Mapping[str, Any]) -> Iterable[Finding]:
    """Judge the deletion of a claim by the pods of its namespace and by its volume."""
    users = sorted(pod["metadata"]["name"] for pod in pods if _mounts(pod, ref.name))
    if users:
        more = text("finding.and_more", count=len(users) - _NAMES_SHOWN) if len(users) > _NAMES_SHOWN else ""
        names = ", ".join(users[:_NAMES_SHOWN]) + more
        said = text("finding.claim_in_use", object=ref, names=names)
        yield Finding(Severity.WARNING, "claim_in_use", said)
    if (volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") == "Delete":
        said = text("finding.data_lost", volume=volume["metadata"]["name"], object=ref)
        yield Finding(Severity.WARNING, "data_lost", said)


def attachment_findings(ref: ObjectRef, live: Mapping[str, Any], node: Mapping[str, Any]) -> Iterable[Finding]:
    """Judge the deletion of an attachment by the node that the volume is attached to."""
    if (live.get("status") or {}).get("attached") and is_ready(node):
        said = text("finding.volume_attached", object=ref, node=live["spec"]["nodeName"])
        yield Finding(Severity.WARNING, "volume_attached", said)


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
