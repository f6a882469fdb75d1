"""Objects as the API gives them, for the pure rules."""

from typing import Any


def deployment(name: str = "api", **spec: Any) -> dict[str, Any]:
    """A Deployment with one container `app` and an init container `setup`."""
    template = {
        "metadata": {"creationTimestamp": None, "labels": {"app": name}},
        "spec": {
            "containers": [{"name": "app", "image": "app:1"}],
            "initContainers": [{"name": "setup", "image": "setup:1"}],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": 4,
            "resourceVersion": "100",
        },
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
        "status": {
            "observedGeneration": 4,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
        },
    }


def owned(kind: str, uid: str) -> list[dict[str, Any]]:
    """Owner references with this controller."""
    return [{"kind": kind, "name": "owner", "uid": uid, "controller": True}]


def pod(name: str, *, owner: str | None = "ReplicaSet", ready: bool = True, **metadata: Any) -> dict[str, Any]:
    """A pod on a node."""
    meta: dict[str, Any] = {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": {"app": "api"}}
    if owner:
        meta["ownerReferences"] = owned(owner, "uid-owner")
    return {
        "metadata": {**meta, **metadata},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }
