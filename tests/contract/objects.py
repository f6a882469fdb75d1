"""Objects that the probes create: as small as the API allows, so that the server's own defaults show."""

from typing import Any

IMAGE = "nginx:1.25"
NEW_IMAGE = "nginx:1.27"
BAD_IMAGE = "bad-image.invalid/does-not-exist:1"
"""Cannot be pulled: by its reserved top-level domain from a kubelet, by the word bad from a stand-in."""

Object = dict[str, Any]


def container(name: str = "app", image: str = IMAGE, **fields: Any) -> Object:
    """A container that stops at once when told to."""
    return {"name": name, "image": image, **fields}


def template(app: str, *containers: Object, **spec: Any) -> Object:
    """A pod template labelled `app`."""
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": list(containers) or [container()], **spec},
    }


def deployment(name: str = "web", *containers: Object, replicas: int = 1, **spec: Any) -> Object:
    """A Deployment whose pods are labelled with its name."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, *containers),
            **spec,
        },
    }


def statefulset(name: str = "db", *, replicas: int = 2, **spec: Any) -> Object:
    """A StatefulSet with rolling updates."""
    found = deployment(name, replicas=replicas, serviceName=name, **spec)
    return {**found, "kind": "StatefulSet"}


def daemonset(name: str = "agent") -> Object:
    """A DaemonSet that tolerates every taint, so that it runs on nodes without a kubelet too."""
    found = deployment(name)
    del found["spec"]["replicas"]
    found["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
    return {**found, "kind": "DaemonSet"}


def job(name: str = "once") -> Object:
    """A Job of one pod."""
    pod = template(name, restartPolicy="Never")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": pod}}


def pod(name: str = "alone", **spec: Any) -> Object:
    """A pod without an owner."""
    found = template(name, **spec)
    found["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **found}


def configmap(name: str = "settings", *, labels: dict[str, str] | None = None, **data: str) -> Object:
    """A ConfigMap."""
    metadata: Object = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
