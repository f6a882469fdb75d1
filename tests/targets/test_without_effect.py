"""Whatever is asked before an intent is on record changes nothing: every operation, up to the moment of sending.

The cluster itself says so: every object is compared before and after. The requests say so too, by the rules of a real
API server.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from countersign.actions import read_action
from countersign.actions.catalogue import CATALOGUE
from countersign.actions.operation import KubernetesOperation
from countersign.errors import InternalError, TargetNotFound
from countersign.targets.kubernetes.binding import not_of
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.model import Intent, Severity
from tests.intents import intent_of
from tests.targets.cluster import Cluster
from tests.targets.passing import is_dry

pytestmark = pytest.mark.contract

WATCHED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Pod", "Job", "CronJob", "Service", "ConfigMap",
           "HorizontalPodAutoscaler", "PodDisruptionBudget")  # fmt: skip
TRIES = 3
COMMANDS = (
    "kubectl rollout restart deployment/api",
    "kubectl rollout restart statefulset/db",
    "kubectl rollout restart daemonset/agent",
    "kubectl rollout undo deployment/api",
    "kubectl rollout pause deployment/api",
    "kubectl rollout resume deployment/held",
    "kubectl scale deployment/api --replicas=3",
    "kubectl scale statefulset/db --replicas=2",
    "kubectl delete pod {pod}",
    "kubectl delete pod {pod} --force",
    "kubectl delete pod {pod} --grace-period=5",
    "kubectl delete job/once",
    "kubectl set image deployment/api app=app:9",
    "kubectl set env deployment/api LEVEL=debug",
    "kubectl set resources deployment/api --limits=cpu=200m",
    "kubectl cordon {node}",
    "kubectl uncordon {cordoned}",
    "kubectl drain {node} --ignore-daemonsets --delete-emptydir-data --force",
    """kubectl patch deployment api -p '{"spec":{"replicas":3}}'""",
    """kubectl patch configmap settings --type=merge -p '{"data":{"a":"2"}}'""",
    """kubectl patch deployment api --type=json -p '[{"op":"replace","path":"/spec/replicas","value":3}]'""",
    "kubectl annotate deployment/api note=x",
    "kubectl label pod {pod} tier=web",
    "kubectl taint nodes {node} maintenance=disk:NoSchedule",
    "kubectl taint nodes {node} maintenance=disk:NoExecute",
    "kubectl delete deployment api",
    "kubectl create job by-hand --from=cronjob/report",
)


def test_every_operation_is_tried_here() -> None:
    tried = {read_action(re.sub(r"\{\w+\}", "x", command)).verb for command in COMMANDS}  # type: ignore[union-attr]
    assert tried == {entry.verb for entry in CATALOGUE}


@pytest.fixture(scope="module")
def scene(shared_cluster: Cluster) -> Iterator[dict[str, str]]:
    """Objects of every kind that is acted on, settled, in a namespace of their own; the names of pods and nodes."""
    cluster = shared_cluster
    cluster.new_namespace()
    cluster.workload("Deployment", "api", replicas=2)
    cluster.change(
        "Deployment", "api", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}
    )
    cluster.settled("Deployment", "api")
    cluster.workload("Deployment", "held", replicas=1)
    cluster.change("Deployment", "held", {"spec": {"paused": True}})
    cluster.workload("StatefulSet", "db", replicas=1)
    cluster.workload("DaemonSet", "agent")
    cluster.create("ConfigMap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
                                 "data": {"a": "1"}})  # fmt: skip
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]}}}
    cluster.create("Job", {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": job})
    schedule = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}}
    cluster.create("CronJob", {"kind": "CronJob", "metadata": {"name": "report"}, "spec": schedule})
    cluster.until(lambda: cluster.items("Pod") and all(_running(pod) for pod in cluster.items("Pod")))
    cluster.until(lambda: _counted(cluster.get("Job", "once")))
    ready = next(pod for pod in cluster.items("Pod") if pod["metadata"]["labels"].get("app") == "api")
    node = ready["spec"]["nodeName"]
    cordoned = f"cordoned-{cluster.namespace}"
    cluster.write(
        "POST", "/api/v1/nodes", {"metadata": {"name": cordoned}, "spec": {"unschedulable": True}}, what="a node"
    )
    yield {"pod": ready["metadata"]["name"], "node": node, "cordoned": cordoned, "namespace": cluster.namespace}
    cluster.write("DELETE", f"/api/v1/nodes/{cordoned}", None, what="clean up")


def _counted(job: Any) -> bool:
    """Tell whether the controller has written what it will for now; `ready` is counted since 1.24, a second late."""
    status = job["status"]
    return status.get("ready", status.get("active")) == 1


def _running(pod: Any) -> bool:
    return bool(pod["status"].get("phase") == "Running")


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_changes_until_the_intent_is_on_record(
    shared_cluster: Cluster, scene: dict[str, str], command: str
) -> None:
    cluster = shared_cluster
    cluster.use_namespace(scene["namespace"])
    operation = read_action(re.sub(r"\{(\w+)\}", lambda name: scene[name[1]], command))
    assert isinstance(operation, KubernetesOperation)
    # A controller or a node may write of itself meanwhile; what our requests change, they change every time.
    for _ in range(TRIES):
        before = cluster.until(lambda: _settled(lambda: _objects(cluster)))
        cluster.proxy.requests.clear()
        resolution = cluster.target.resolve(operation)
        plan = cluster.target.plan(operation, resolution, at=datetime.now(UTC))
        findings = cluster.target.preflight(plan)
        cluster.target.observe(plan)
        cluster.target.invert(plan)
        asked = list(cluster.proxy.requests)
        if (after := _objects(cluster)) == before:
            break

    assert plan.steps, "there is something to do"
    assert not_of(operation, plan, system=plan.system, namespace=scene["namespace"]) is None
    assert not [finding for finding in findings if finding.code in ("gone", "dry_run_refused", "changed_since_plan")]
    assert [finding.message for finding in findings if finding.severity is Severity.BLOCKING] == []
    assert after == before
    assert any(method != "GET" for method, _path, _body in asked), "the server was asked for a dry run"
    for method, path, body in asked:
        assert method == "GET" or is_dry(method, path, body), (method, path, body)
        if method == "DELETE":
            assert not parse_qs(urlsplit(path).query).get("dryRun"), "a query beside a body is not read"
            assert json.loads(body)["dryRun"] == ["All"]


def _objects(cluster: Cluster) -> dict[str, Any]:
    """Return every object that could have been changed, by kind and name: its uid, version and end."""
    found: dict[str, Any] = {}
    for kind in WATCHED:
        try:
            items = cluster.items(kind)
        except TargetNotFound:
            continue
        for item in items:
            metadata = item["metadata"]
            found[f"{kind}/{metadata['name']}"] = (
                metadata["uid"], metadata["resourceVersion"], metadata.get("deletionTimestamp")
            )  # fmt: skip
    for node in cluster.connection.get(list_path(cluster.connection, "Node", None))["items"]:
        found[f"Node/{node['metadata']['name']}"] = (node["metadata"]["uid"], node["metadata"]["resourceVersion"])
    return found


def _settled(look: Callable[[], Any]) -> Any:
    """Return what several looks in a row agree on, else None: controllers may still be at work."""
    first = look()
    for _ in range(3):
        time.sleep(0.1)
        if look() != first:
            return None
    return first


def test_a_request_without_its_intent_does_not_leave(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    operation = read_action("kubectl scale deployment/api --replicas=3")
    assert isinstance(operation, KubernetesOperation)
    step = cluster.plan(operation).steps[0]
    other = cluster.plan(read_action("kubectl scale deployment/api --replicas=4")).steps[0]  # type: ignore[arg-type]
    cluster.proxy.requests.clear()
    with pytest.raises(InternalError):
        cluster.connection.send(step, intent_of(other))
    assert cluster.proxy.requests == []


def test_an_intent_sends_once(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    operation = read_action("kubectl scale deployment/api --replicas=3")
    assert isinstance(operation, KubernetesOperation)
    plan = cluster.plan(operation)
    intent: Intent = intent_of(plan.steps[0])
    cluster.target.apply(plan, plan.steps[0], intent)
    with pytest.raises(InternalError):
        cluster.target.apply(plan, plan.steps[0], intent)
    assert len(cluster.proxy.writes) == 1


def test_the_connection_has_one_way_to_change_anything() -> None:
    public = {name for name in vars(Connection) if not name.startswith("_")}
    asking = {"dry_run", "get", "rediscover", "resources", "review", "versions", "watch", "who"}
    assert public == {*asking, "close", "context", "moment", "send", "server", "warnings"}
