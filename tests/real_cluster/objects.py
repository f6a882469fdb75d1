"""One object of every kind that actions know, called as the case that it is for."""

from collections.abc import Mapping
from typing import Any, Final

Object = dict[str, Any]

_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("apps/v1",),
    "StatefulSet": ("apps/v1",),
    "DaemonSet": ("apps/v1",),
    "ReplicaSet": ("apps/v1",),
    "Job": ("batch/v1",),
    "CronJob": ("batch/v1", "batch/v1beta1"),
    "HorizontalPodAutoscaler": ("autoscaling/v1",),
    "PodDisruptionBudget": ("policy/v1", "policy/v1beta1"),
    "Ingress": ("networking.k8s.io/v1",),
    "NetworkPolicy": ("networking.k8s.io/v1",),
    "Lease": ("coordination.k8s.io/v1",),
    "VolumeAttachment": ("storage.k8s.io/v1",),
    "StorageClass": ("storage.k8s.io/v1",),
}
"""Where a kind is, the newest version first; the others are in v1 of the core group."""
_VOLUME: Final = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none"}
_CONTAINER: Final = {"name": "app", "image": "app:1", "env": [{"name": "LEVEL", "value": "info"}]}


def version_of(kind: str, resources: frozenset[tuple[str, str]]) -> str:
    """Return the version of a kind's group that the server has it in; `resources` are its (version, kind)."""
    places = _PLACES.get(kind, ("v1",))
    return next((version for version in places if (version, kind) in resources), places[0])


def manifest(kind: str, name: str, *, version: str, node: str, **spec: Any) -> Object:
    """Return an object. What runs on a node of its own runs on `node`; `spec` takes the place of its fields."""
    found = _body(kind, name, node)
    if spec:
        found["spec"] = {**found["spec"], **spec}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": {"app": name}}, **found}


def _body(kind: str, name: str, node: str) -> Object:
    labels = {"app": name}
    # What ends at once keeps nobody waiting.
    pod: Object = {"terminationGracePeriodSeconds": 0, "containers": [_CONTAINER]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    workload: Object = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    job = {"template": {"metadata": {"labels": labels}, "spec": {**pod, "restartPolicy": "Never"}}}
    match kind:
        case "Deployment" | "ReplicaSet":
            return {"spec": workload}
        case "StatefulSet":
            return {"spec": {**workload, "serviceName": name}}
        case "DaemonSet":
            where = {"nodeSelector": {"kubernetes.io/hostname": node}, "tolerations": [{"operator": "Exists"}]}
            del workload["replicas"]
            return {"spec": {**workload, "template": {**template, "spec": {**pod, **where}}}}
        case "Pod":
            return {"spec": pod}
        case "Job":
            return {"spec": job}
        case "CronJob":
            return {"spec": {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}}}
        case "HorizontalPodAutoscaler":
            target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "somebody-elses"}
            return {"spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}}
        case "PodDisruptionBudget":
            return {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "somebody-elses"}}}}
        case "Service":
            return {"spec": {"ports": [{"name": "http", "port": 80}], "selector": labels}}
        case "ConfigMap":
            return {"data": {"level": "info"}}
        case "Secret":
            return {"stringData": {"password": "hunter2-of-the-case"}}
        case "Ingress":
            return {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}
        case "NetworkPolicy":
            return {"spec": {"podSelector": {"matchLabels": {"app": "somebody-elses"}}}}
        case "PersistentVolumeClaim":
            return {"spec": {**_VOLUME, "resources": {"requests": {"storage": "1Gi"}}}}
        case "PersistentVolume":
            return {"spec": {**_VOLUME, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/nowhere"}}}
        case "Lease":
            return {"spec": {"holderIdentity": "operator-0", "leaseDurationSeconds": 15}}
        case "VolumeAttachment":
            source = {"persistentVolumeName": name}
            return {"spec": {"attacher": "example.com", "nodeName": node, "source": source}}
        case "StorageClass":
            return {"provisioner": "example.com/none"}
        case "ServiceAccount" | "Namespace":
            return {}
    raise AssertionError(f"there is no object of the kind {kind} here")
