"""Two namespaces (and two nodes) with the same objects: on one the real kubectl acts, on the other we do."""

import shlex
import subprocess
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import CountersignError, TargetNotFound
from countersign.targets.kubernetes.investigate import kubectl_path
from countersign.targets.model import Severity
from tests.targets.cluster import Cluster

KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "ConfigMap", "Service")
OWNED_BY_CONTROLLERS: Final = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
NO_TOKEN: Final = {"automountServiceAccountToken": False}  # its volume has a random name
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"


class Side:
    """One of the twins."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        cluster.new_namespace()
        self.namespace = cluster.namespace
        self.node = f"n-{self.namespace}"
        self._fill()

    def enter(self) -> Cluster:
        self.cluster.use_namespace(self.namespace)
        return self.cluster

    def text(self, command: str) -> str:
        return command.replace("NODE", self.node)

    def _fill(self) -> None:
        cluster = self.cluster
        containers = [
            {
                "name": "app",
                "image": "app:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
            },
            {"name": "proxy", "image": "proxy:1"},
        ]
        template = {"spec": {"containers": containers, "initContainers": [{"name": "setup", "image": "setup:1"}]}}
        for kind, name in (
            ("Deployment", "api"),
            ("StatefulSet", "db"),
            ("DaemonSet", "agent"),
            ("ReplicaSet", "rs"),
        ):
            labels = {"app": name}
            spec: dict[str, Any] = {
                "selector": {"matchLabels": labels},
                "template": {**deepcopy(template), "metadata": {"labels": labels}},
            }
            # No pods: what is compared is what the commands write, not what controllers make of it.
            if kind == "DaemonSet":
                spec["template"]["spec"]["nodeSelector"] = {"no": "node"}
            else:
                spec["replicas"] = 0
            if kind == "StatefulSet":
                spec["serviceName"] = name
            metadata = {"name": name, "labels": {"tier": "web"}, "annotations": {"note": "first"}}
            cluster.create(kind, {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec})
        for name in ("one", "two"):
            spec = {"containers": [{"name": "app", "image": "app:1"}], **NO_TOKEN}
            cluster.create("Pod", {"metadata": {"name": name}, "spec": spec})
        job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]}}}
        cluster.create("Job", {"metadata": {"name": "load"}, "spec": job})
        cluster.create("ConfigMap", {"metadata": {"name": "settings"}, "data": {"level": "info"}})
        cluster.create(
            "Service", {"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}}
        )
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
        hpa = {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}
        cluster.create("HorizontalPodAutoscaler", {"metadata": {"name": "auto"}, "spec": hpa})
        cluster.create("Node", {"metadata": {"name": self.node, "labels": {"zone": "a"}}})
        for name in ("x", "y"):
            spec = {"nodeName": self.node, "containers": [{"name": "app", "image": "app:1"}], **NO_TOKEN}
            cluster.create("Pod", {"metadata": {"name": name}, "spec": {**spec, "terminationGracePeriodSeconds": 0}})
        for kind, name in (("Deployment", "api"), ("StatefulSet", "db"), ("DaemonSet", "agent")):
            cluster.settled(kind, name)

    def picture(self) -> dict[str, Any]:
        """What a person would say is there: everything but identities, times and what controllers write."""
        cluster = self.enter()
        seen: dict[str, Any] = {}
        for kind in KINDS:
            for item in cluster.items(kind):
                name = item["metadata"]["name"]
                if kind == "ReplicaSet" and name != "rs":
                    continue
                if kind == "Pod" and name not in ("one", "two", "x", "y"):
                    continue
                if item["metadata"].get("deletionTimestamp"):
                    continue
                seen[f"{kind}/{name}"] = self._plain(item)
        seen["HPA/auto"] = self._plain(cluster.get("HorizontalPodAutoscaler", "auto"))
        seen["Node"] = self._plain(cluster.get("Node", self.node))
        return seen

    def _plain(self, item: Any) -> Any:
        annotations = dict(item["metadata"].get("annotations") or {})
        for key in OWNED_BY_CONTROLLERS:
            annotations.pop(key, None)
        spec = deepcopy(item.get("spec") or {})
        if item["metadata"]["name"] in ("one", "two", "x", "y"):
            spec.pop("nodeName", None)
        if item["metadata"]["name"] in ("web", "load"):
            spec = {}  # addresses and controller-uids
        if item["metadata"]["name"] == self.node:
            spec.pop("taints", None)
        template = spec.get("template", {}).get("metadata", {}).get("annotations") or {}
        if RESTARTED_AT in template:
            template[RESTARTED_AT] = "<time>"
        # The API autoscaling/v1 keeps these as annotations with times in them.
        annotations = {key: value for key, value in annotations.items() if not key.startswith("autoscaling.")}
        labels = item["metadata"].get("labels") or {}
        labels = {key: value for key, value in labels.items() if "controller-uid" not in key}
        return {"labels": labels, "annotations": annotations, "spec": spec, "data": item.get("data")}

    def clean(self) -> None:
        cluster = self.enter()
        cluster.write("DELETE", cluster.path("Node", self.node), None, what="clean")


def kubectl(side: Side, kubeconfig: Path, command: str) -> tuple[bool, str]:
    """Run the command with the real binary; return whether it succeeded, and what it said."""
    words = shlex.split(side.text(command))
    assert words[0] == "kubectl"
    argv = [str(kubectl_path()), "--kubeconfig", str(kubeconfig), "--namespace", side.namespace, *words[1:]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def countersign(side: Side, command: str) -> tuple[bool, str]:
    """Perform the command as an execution would; return whether it was performed, and why not."""
    cluster = side.enter()
    try:
        operation = read_action(side.text(command))
        assert isinstance(operation, KubernetesOperation), operation
        plan = cluster.target.plan(operation, cluster.target.resolve(operation), at=datetime.now(UTC))
        blocking = [item.message for item in cluster.target.preflight(plan) if item.severity is Severity.BLOCKING]
        if blocking:
            return False, blocking[0]
        for step in plan.steps:
            cluster.apply(plan, step)
    except (CountersignError, TargetNotFound) as error:
        return False, f"{type(error).__name__}: {error}"
    return True, "" if plan.steps else "already so"
