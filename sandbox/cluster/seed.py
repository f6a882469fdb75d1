"""What a new sandbox cluster holds: a small shop in production, its twin in staging, and system pods."""

import copy
from collections.abc import Iterable
from functools import partial
from typing import Any

from countersign.errors import InvalidInput
from sandbox.cluster.kinds import kind_of
from sandbox.cluster.patches.merge import merge_patch
from sandbox.cluster.status import StatusError
from sandbox.cluster.store import now
from sandbox.cluster.writing import Writer

_REGISTRY = "registry.local"
_NODES = ("node-1", "node-2", "node-3")


def default_manifests() -> list[dict[str, Any]]:
    """Return the default seed."""
    return [
        *(_meta("v1", "Namespace", name, None) for name in ("default", "kube-system", "prod", "staging")),
        *(_node(name) for name in _NODES),
        _storage_class("standard"),
        *_shop("prod", replicas=3),
        *_shop("staging", replicas=1),
        *_database("prod"),
        _workload("DaemonSet", "node-agent", "kube-system", [_container("agent", "node-agent:2.4.0")]),
        _workload("StatefulSet", "coredns", "kube-system", [_container("coredns", "coredns:1.11.1")], replicas=1),
        _job("migrate-orders", "prod", "orders-migrate:1.0.0"),
        {
            **_meta("batch/v1", "CronJob", "nightly-report", "prod"),
            "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": _job_spec("report:1.2.0")}},
        },
        {
            **_meta("autoscaling/v2", "HorizontalPodAutoscaler", "web", "prod"),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 2,
                "maxReplicas": 6,
            },
        },
        _budget("api", "prod", {"minAvailable": 1}),
        _budget("db", "prod", {"maxUnavailable": 1}),
    ]


def apply_manifests(writer: Writer, manifests: Iterable[dict[str, Any]]) -> None:
    """Create the objects; those that exist are merged with what the manifests say. Raises InvalidInput."""
    for manifest in manifests:
        kind = kind_of(manifest.get("apiVersion", ""), manifest.get("kind", ""))
        if kind is None:
            raise InvalidInput(f"kind: the sandbox has no {manifest.get('kind')} in {manifest.get('apiVersion')}.")
        metadata = manifest.get("metadata") or {}
        name = metadata.get("name", "")
        namespace = metadata.get("namespace", "default") if kind.namespaced else ""
        try:
            if writer.store.get(kind.resource, namespace, name) is None:
                writer.create(kind, namespace, manifest)
            else:
                wanted = copy.deepcopy(manifest)
                writer.change(kind, namespace, name, partial(_merged, wanted))
        except StatusError as error:
            raise InvalidInput(f"{manifest['kind']} {name}: {error.message}") from None


def _merged(wanted: dict[str, Any], item: dict[str, Any]) -> Any:
    return merge_patch(item, wanted)


def _shop(namespace: str, *, replicas: int) -> Iterable[dict[str, Any]]:
    sidecar = _container("sidecar", "proxy:2.1.0")
    scratch = {"name": "cache", "emptyDir": {}}
    yield _workload("Deployment", "api", namespace, [_container("app", "api:1.4.2"), sidecar], replicas=replicas)
    yield _workload("Deployment", "web", namespace, [_container("app", "web:3.0.1")], replicas=replicas)
    yield _workload(
        "Deployment", "worker", namespace, [_container("app", "worker:1.9.0")], replicas=replicas, volumes=[scratch]
    )
    yield _workload(
        "Deployment", "payments", namespace, [_container("app", "payments:1.4.2")], replicas=min(replicas, 2)
    )
    for name in ("api", "web", "payments"):
        yield {
            **_meta("v1", "Service", name, namespace),
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }
    yield {**_meta("v1", "ConfigMap", "settings", namespace), "data": {"LOG_LEVEL": "info"}}


def _database(namespace: str) -> Iterable[dict[str, Any]]:
    postgres = {**_container("postgres", "postgres:16.4"), "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    found = _workload("StatefulSet", "db", namespace, [postgres], replicas=3)
    size = {"requests": {"storage": "10Gi"}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": size}}
    found["spec"]["volumeClaimTemplates"] = [claim]
    yield found


def _meta(api_version: str, kind: str, name: str, namespace: str | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata |= {"namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _container(name: str, image: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"{_REGISTRY}/{image}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }


def _workload(
    kind: str,
    name: str,
    namespace: str,
    containers: list[dict[str, Any]],
    *,
    replicas: int | None = None,
    volumes: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    pod: dict[str, Any] = {"containers": containers, "terminationGracePeriodSeconds": 5}
    if volumes:
        pod["volumes"] = volumes
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {**_meta("apps/v1", kind, name, namespace), "spec": spec}


def _job_spec(image: str) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": f"{_REGISTRY}/{image}"}]}
    return {"template": {"spec": pod}, "backoffLimit": 2}


def _job(name: str, namespace: str, image: str) -> dict[str, Any]:
    return {**_meta("batch/v1", "Job", name, namespace), "spec": _job_spec(image)}


def _budget(name: str, namespace: str, limit: dict[str, int]) -> dict[str, Any]:
    spec = {**limit, "selector": {"matchLabels": {"app": name}}}
    return {**_meta("policy/v1", "PodDisruptionBudget", name, namespace), "spec": spec}


def _storage_class(name: str) -> dict[str, Any]:
    found = _meta("storage.k8s.io/v1", "StorageClass", name, None)
    found["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        **found, "provisioner": "sandbox.countersign", "reclaimPolicy": "Delete", "allowVolumeExpansion": True,
        "volumeBindingMode": "Immediate",
    }  # fmt: skip


def _node(name: str) -> dict[str, Any]:
    size = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    conditions = [
        {
            "type": kind, "status": status, "reason": reason, "message": reason,
            "lastHeartbeatTime": now(), "lastTransitionTime": now(),
        }
        for kind, status, reason in (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID"), ("Ready", "True", "KubeletReady"),
        )
    ]  # fmt: skip
    info = {
        "kubeletVersion": "v1.37.0", "architecture": "amd64", "operatingSystem": "linux", "osImage": "sandbox",
        "kernelVersion": "6", "containerRuntimeVersion": "sandbox://1", "bootID": "", "machineID": name,
        "systemUUID": name, "kubeProxyVersion": "v1.37.0",
    }  # fmt: skip
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": metadata,
        "status": {
            "capacity": size, "allocatable": size, "conditions": conditions, "nodeInfo": info,
            "addresses": [{"type": "Hostname", "address": name}],
        },
    }  # fmt: skip
