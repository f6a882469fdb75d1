"""The real kubectl against the sandbox: every verb of the grammar, and the read-only ones of investigations."""

import json
from typing import Any

import pytest

from sandbox.cluster import SandboxCluster
from tests.sandbox_cluster.conftest import Kubectl

PROD = ("-n", "prod")


def object_(kubectl: Kubectl, *what: str) -> Any:
    return json.loads(kubectl("get", *what, *PROD, "-o", "json"))


def image(found: Any, container: int = 0) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][container]["image"])


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("get pods,deployments,sts,jobs,hpa,pdb,svc,cm -n prod", "deployment.apps/api"),
        ("get nodes -o wide", "node-3"),
        ("get pods -n prod -l app=db -o name", "pod/db-0"),
        ("get pods -n prod --field-selector=status.phase=Succeeded", "migrate-orders"),
        ("get deployments -A --chunk-size=2", "payments"),
        ("describe deployment api -n prod", "3 desired | 3 updated"),
        ("describe pod db-0 -n prod", "Controlled By:  StatefulSet/db"),
        ("describe node node-1", "Non-terminated Pods"),
        ("describe hpa web -n prod", "Deployment pods:"),
        ("describe pdb db -n prod", "Max unavailable:  1"),
        ("logs db-0 -n prod", "listening"),
        ("logs deploy/api -n prod -c sidecar --tail=1", "sidecar:"),
        ("top nodes", "850m"),
        ("top pods -n prod", "db-0"),
        ("events -n prod", "ScalingReplicaSet"),
        ("explain deployment.spec.strategy", "DeploymentStrategy"),
        ("rollout status deploy/api -n prod", "successfully rolled out"),
        ("rollout history sts/db -n prod", "REVISION"),
        ("auth can-i delete pods -n prod", "yes"),
        ("auth whoami", "sandbox-admin"),
        ("version", "Server Version: v1."),
        ("api-resources", "poddisruptionbudgets"),
        ("api-versions", "apps/v1"),
        ("cluster-info", "running at https://127.0.0.1"),
        ("wait --for=condition=available deploy/api -n prod --timeout=10s", "condition met"),
    ],
)
def test_kubectl_can_look(kubectl: Kubectl, command: str, shows: str) -> None:
    assert shows in kubectl(*command.split())


@pytest.mark.parametrize("what", ["deployment/api -n prod", "statefulset/db -n prod", "ds/node-agent -n kube-system"])
def test_a_restart_rolls_out_and_undo_takes_it_back(kubectl: Kubectl, what: str) -> None:
    name, *where = what.split()
    kubectl("rollout", "restart", name, *where)
    kubectl("rollout", "status", name, *where, "--timeout=30s")
    stamped = json.loads(kubectl("get", name, *where, "-o", "json"))["spec"]["template"]["metadata"]
    assert "kubectl.kubernetes.io/restartedAt" in stamped["annotations"]
    kubectl("rollout", "undo", name, *where)
    kubectl("rollout", "status", name, *where, "--timeout=30s")
    assert "annotations" not in json.loads(kubectl("get", name, *where, "-o", "json"))["spec"]["template"]["metadata"]
    assert "3" in kubectl("rollout", "history", name, *where)


def test_a_paused_deployment_waits_with_its_new_image_until_it_is_resumed(kubectl: Kubectl) -> None:
    kubectl("rollout", "pause", "deploy/web", *PROD)
    kubectl("set", "image", "deploy/web", "app=registry.local/web:9", *PROD)
    assert "no rollout history" in kubectl("rollout", "undo", "deploy/web", *PROD, fails=True)
    sets = object_(kubectl, "rs", "-l", "app=web")["items"]
    assert all(image(each) != "registry.local/web:9" for each in sets)
    kubectl("rollout", "resume", "deploy/web", *PROD)
    kubectl("rollout", "status", "deploy/web", *PROD, "--timeout=30s")
    assert {image(each) for each in object_(kubectl, "rs", "-l", "app=web")["items"]} >= {"registry.local/web:9"}


def test_scale_sets_replicas_and_honours_current_replicas(kubectl: Kubectl) -> None:
    kubectl("scale", "deploy/worker", "--replicas=4", "--current-replicas=3", *PROD)
    assert object_(kubectl, "deploy/worker")["spec"]["replicas"] == 4
    kubectl("scale", "deploy/worker", "--replicas=9", "--current-replicas=3", *PROD, fails=True)
    kubectl("rollout", "status", "deploy/worker", *PROD, "--timeout=30s")
    assert object_(kubectl, "deploy/worker")["status"]["availableReplicas"] == 4


def test_set_env_and_resources_change_the_template(kubectl: Kubectl) -> None:
    kubectl("set", "env", "deploy/payments", "LEVEL=debug", "LOG_LEVEL-", *PROD)
    kubectl("set", "resources", "deploy/payments", "--limits=cpu=1000m", *PROD)
    (container,) = object_(kubectl, "deploy/payments")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "LEVEL", "value": "debug"}]
    assert container["resources"]["limits"]["cpu"] == "1"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("json", '[{"op":"replace","path":"/spec/minReadySeconds","value":7}]'),
        ("merge", '{"spec":{"minReadySeconds":8}}'),
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","image":"other:1"}]}}}}'),
    ],
)
def test_patch_in_every_type(kubectl: Kubectl, kind: str, patch: str) -> None:
    kubectl("patch", "deploy/api", *PROD, "--type=merge", "-p", '{"spec":{"minReadySeconds":1}}')
    before = object_(kubectl, "deploy/api")["spec"]
    kubectl("patch", "deploy/api", *PROD, f"--type={kind}", "-p", patch, "--dry-run=server")
    assert object_(kubectl, "deploy/api")["spec"] == before
    kubectl("patch", "deploy/api", *PROD, f"--type={kind}", "-p", patch)
    after = object_(kubectl, "deploy/api")["spec"]
    assert after != before
    assert len(after["template"]["spec"]["containers"]) == 2
    assert "no change" in kubectl("patch", "deploy/api", *PROD, f"--type={kind}", "-p", patch)


def test_labels_and_annotations_are_not_overwritten_unasked(kubectl: Kubectl) -> None:
    for verb, field in (("label", "labels"), ("annotate", "annotations")):
        kubectl(verb, "deploy/api", "tier=one", *PROD)
        kubectl(verb, "deploy/api", "tier=two", *PROD, fails=True)
        kubectl(verb, "deploy/api", "tier=two", "--overwrite", *PROD)
        assert object_(kubectl, "deploy/api")["metadata"][field]["tier"] == "two"
        kubectl(verb, "deploy/api", "tier-", *PROD)
        assert "tier" not in object_(kubectl, "deploy/api")["metadata"][field]


def test_the_bounds_of_an_autoscaler_are_kept(kubectl: Kubectl, sandbox: SandboxCluster) -> None:
    kubectl("patch", "hpa/web", *PROD, "-p", '{"spec":{"minReplicas":5,"maxReplicas":7}}')
    sandbox.settle()
    assert object_(kubectl, "deploy/web")["spec"]["replicas"] == 5


def test_cordon_drain_and_uncordon(kubectl: Kubectl, sandbox: SandboxCluster) -> None:
    kubectl("cordon", "node-2")
    assert "SchedulingDisabled" in kubectl("get", "node", "node-2")
    assert "local storage" in kubectl("drain", "node-2", "--ignore-daemonsets", fails=True)
    kubectl("drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
    sandbox.settle()
    left = json.loads(kubectl("get", "pods", "-A", "--field-selector=spec.nodeName=node-2", "-o", "json"))["items"]
    assert {each["metadata"]["ownerReferences"][0]["kind"] for each in left} == {"DaemonSet"}
    kubectl("uncordon", "node-2")
    assert "SchedulingDisabled" not in kubectl("get", "node", "node-2")


def test_a_drain_waits_for_the_budget(kubectl: Kubectl, sandbox: SandboxCluster) -> None:
    sandbox.settle()
    node = object_(kubectl, "pod/db-0")["spec"]["nodeName"]
    kubectl("patch", "pdb/db", *PROD, "--type=merge", "-p", '{"spec":{"maxUnavailable":0}}')
    sandbox.settle()
    said = kubectl("drain", node, "--ignore-daemonsets", "--pod-selector=app=db", "--timeout=1s", fails=True)
    kubectl("patch", "pdb/db", *PROD, "--type=merge", "-p", '{"spec":{"maxUnavailable":1}}')
    kubectl("uncordon", node)
    assert "disruption budget" in said
    assert 429 in [request.code for request in sandbox.requests.to("/eviction")]


def test_deleted_pods_come_back_and_deleted_jobs_do_not(kubectl: Kubectl, sandbox: SandboxCluster) -> None:
    before = object_(kubectl, "pod/db-1")["metadata"]["uid"]
    kubectl("delete", "pod", "db-1", *PROD)
    sandbox.settle()
    assert object_(kubectl, "pod/db-1")["metadata"]["uid"] != before
    kubectl("delete", "job", "migrate-orders", *PROD)
    sandbox.settle()
    kubectl("get", "job", "migrate-orders", *PROD, fails=True)
    assert object_(kubectl, "pods", "-l", "job-name=migrate-orders")["items"] == []


@pytest.mark.parametrize(
    "command",
    [
        "scale deploy/api --replicas=7",
        "delete pod db-0",
        "set image deploy/api app=x:1",
        "set env deploy/api A=b",
        "label deploy/api a=b",
        "annotate deploy/api a=b",
        "cordon node-1",
        "rollout undo deploy/api",
    ],
)
def test_a_server_side_dry_run_persists_nothing(kubectl: Kubectl, sandbox: SandboxCluster, command: str) -> None:
    if "undo" in command:
        kubectl("rollout", "restart", "deploy/api", *PROD)
    sandbox.settle()
    sent = len(sandbox.requests)
    words = [*command.split(), "--dry-run=server"]
    kubectl(*words, *(() if command.startswith("cordon") else PROD))
    asked = sandbox.requests[sent:]
    assert asked
    assert [request for request in asked if request.mutated] == []
    assert any(request.dry_run and request.method != "GET" for request in asked)
