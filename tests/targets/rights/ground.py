"""A namespace with an object of every kind that the cluster has, and a service account with a generated role."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from pydantic import SecretStr

from countersign.actions.kinds import KINDS
from countersign.errors import TargetError, TargetNotFound
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.rights import needs_of
from countersign.targets.kubernetes.roles import ServiceAccount, manifests
from tests.planted import plant
from tests.targets.cluster import Cluster
from tests.targets.rights.recorder import RecordingProxy

NAMES: Final = {
    "Deployment": "api",
    "StatefulSet": "db",
    "DaemonSet": "agent",
    "ReplicaSet": "rs",
    "Pod": "one",
    "Job": "load",
    "CronJob": "nightly",
    "HorizontalPodAutoscaler": "auto",
    "PodDisruptionBudget": "keep",
    "Service": "web",
    "ConfigMap": "settings",
    "Secret": "token",
    "ServiceAccount": "runner",
    "Ingress": "front",
    "NetworkPolicy": "closed",
    "PersistentVolumeClaim": "data",
    "Lease": "leader",
}
_CONTAINERS: Final = [{"name": "app", "image": "app:1"}]
_ROLE_PLACES: Final = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


def name_of(kind: str, namespace: str) -> str:
    """The name of the one object of a kind; those outside of namespaces are called after the test's own."""
    return NAMES.get(kind, namespace)


def present(cluster: Cluster) -> set[str]:
    """The kinds that this cluster has where we ask for them."""

    def there(kind: str) -> bool:
        try:
            cluster.connection.get(list_path(cluster.connection, kind, cluster.namespace))
        except TargetError:
            return False
        return True

    return {kind for kind in KINDS if there(kind)}


@contextmanager
def furnished(cluster: Cluster) -> Iterator[set[str]]:
    """Make an object of every kind in the cluster's namespace, and return the kinds; what is outside goes again."""
    kinds = present(cluster)
    with ExitStack() as undo:
        for kind in kinds - {"Namespace"}:
            body = {"metadata": {"name": name_of(kind, cluster.namespace)}, **_body(kind, cluster.namespace)}
            cluster.create(kind, body)
            if not KINDS[kind].namespaced:
                undo.callback(_remove, cluster, kind)
        for kind in ("Deployment", "StatefulSet"):
            cluster.settled(kind, name_of(kind, cluster.namespace))
        wait_for_revisions(cluster, 1)
        yield kinds


def wait_for_revisions(cluster: Cluster, count: int) -> None:
    """Wait until the DaemonSet has so many. Its node has no kubelet, so its pods need never be ready."""

    def there() -> bool:
        agent = cluster.get("DaemonSet", "agent")
        owners = [item["metadata"]["ownerReferences"][0]["uid"] for item in cluster.items("ControllerRevision")]
        seen = agent["status"].get("observedGeneration") == agent["metadata"]["generation"]
        return seen and owners.count(agent["metadata"]["uid"]) >= count

    cluster.until(there)


def _remove(cluster: Cluster, kind: str) -> None:
    with contextlib.suppress(TargetNotFound):
        path = cluster.path(kind, name_of(kind, cluster.namespace))
        cluster.write("DELETE", path, {"gracePeriodSeconds": 0}, what="clean up")


def _body(kind: str, namespace: str) -> dict[str, Any]:
    labels = {"app": NAMES.get(kind, "")}
    template = {"metadata": {"labels": labels}, "spec": {"containers": _CONTAINERS}}
    workload: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template, "replicas": 1}
    match kind:
        case "Deployment" | "ReplicaSet":
            return {"spec": workload}
        case "StatefulSet":
            return {"spec": {**workload, "serviceName": "db"}}
        case "DaemonSet":
            del workload["replicas"]
            # Its node has no kubelet and so is not ready.
            where = {"nodeSelector": {"test": namespace}, "tolerations": [{"operator": "Exists"}]}
            workload["template"] = {**template, "spec": {**template["spec"], **where}}
            return {"spec": workload}
        case "Pod":
            return {"spec": {"containers": _CONTAINERS}}
        case "Job":
            return {"spec": _job(labels)}
        case "CronJob":
            return {"spec": {"schedule": "0 4 1 1 *", "jobTemplate": {"spec": _job(labels)}}}
        case "HorizontalPodAutoscaler":
            target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "somebody-elses"}
            return {"spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}}
        case "PodDisruptionBudget":
            return {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "somebody-elses"}}}}
        case "Service":
            return {"spec": {"clusterIP": "None", "ports": [{"port": 80}], "selector": {"app": "api"}}}
        case "Ingress":
            return {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}
        case "NetworkPolicy":
            return {"spec": {"podSelector": {}}}
        case "PersistentVolumeClaim":
            # Its controller annotates it when it binds it, at its own time: what is ours is then a key among others.
            metadata = {"name": NAMES[kind], "annotations": {"note": "first"}}
            size = {"requests": {"storage": "1Gi"}}
            return {"metadata": metadata, "spec": {**_VOLUME, "volumeName": namespace, "resources": size}}
        case "PersistentVolume":
            return {"spec": {**_VOLUME, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/nowhere"}}}
        case "Node":
            # A scheduler puts nothing on a node that has no room, and no kubelet serves this one: only what tolerates
            # everything may land there.
            room = {"cpu": "4", "memory": "8Gi", "pods": "20"}
            metadata = {"name": namespace, "labels": {"test": namespace}}
            spec = {"taints": [{"key": "test", "value": "only", "effect": "NoSchedule"}]}
            return {"metadata": metadata, "spec": spec, "status": {"allocatable": room, "capacity": room}}
        case "VolumeAttachment":
            source = {"persistentVolumeName": namespace}
            return {"spec": {"attacher": "example.com", "nodeName": namespace, "source": source}}
        case "StorageClass":
            return {"provisioner": "example.com/none"}
    return {}


_VOLUME: Final = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none"}


def _job(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"containers": _CONTAINERS, "restartPolicy": "Never"}
    return {"template": {"metadata": {"labels": labels}, "spec": spec}}


@contextmanager
def granted(
    cluster: Cluster, operations: Sequence[str], *, kubeconfig: str, secrets: bool = False
) -> Iterator[RecordingProxy]:
    """Give a new service account the role for `operations` in the cluster's namespace, and return a proxy as it."""
    account = ServiceAccount("acting", cluster.namespace)
    documents = manifests(needs_of(operations, secrets=secrets), account=account, namespaces=(cluster.namespace,))
    with ExitStack() as undo:
        for document in documents:
            path = _ROLE_PLACES[document["kind"]].format(cluster.namespace)
            cluster.write("POST", path, document, what=f"create {document['kind']}")
            if document["kind"].startswith("Cluster"):
                gone = f"{path}/{document['metadata']['name']}"
                undo.callback(cluster.write, "DELETE", gone, None, what="clean up")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts/{account.name}/token"
        answer = cluster.write("POST", path, request, what="ask for a token")
        token = plant(answer["status"]["token"])
        yield undo.enter_context(RecordingProxy(kubeconfig, SecretStr(token), home=cluster.namespace))
