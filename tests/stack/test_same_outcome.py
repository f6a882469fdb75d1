"""The same five actions through the deployment on the sandbox and, with E2E_KUBECONFIG, on a real cluster."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.moving_in import moved_in
from tests.stack.test_execute_approval import Office, office  # noqa: F401  (a fixture)
from tests.targets.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(office: Office) -> Iterator[Cluster]:  # noqa: F811
    """The cluster that the deployment's worker acts on, with a namespace and a node of this module's own."""
    own = office.stack.addresses.kubeconfig
    assert own is not None
    chosen = Path(os.environ.get("E2E_KUBECONFIG", own))
    _use(office, chosen)
    with Cluster(chosen.read_text()) as found:
        found.new_namespace()
        found.create("Node", {"metadata": {"name": f"n-{found.namespace}"}})
        yield found
        found.write("DELETE", found.path("Node", f"n-{found.namespace}"), None, what="clean up")
    _use(office, own)


def _use(office: Office, kubeconfig: Path) -> None:  # noqa: F811
    moved_in(office.stack, office.household, kubeconfig.read_text())


def perform(office: Office, action: str) -> tuple[str, str, list[str]]:  # noqa: F811
    """Execute an action; return the run's state, the outcome and what became of each step."""
    approval_id = office.approved(action, risk="high")
    run = office.api.wait(office.trigger(approval_id))
    report = office.report(approval_id)
    return run["state_type"], report.outcome, [step.result for step in report.steps]


def test_a_restart_a_scale_and_a_new_image_have_their_effect(office: Office, cluster: Cluster) -> None:  # noqa: F811
    cluster.workload(name="api", replicas=2)
    where = f"deployment/api -n {cluster.namespace}"
    before = cluster.get("Deployment", "api")

    assert perform(office, f"kubectl rollout restart {where}") == ("COMPLETED", "success", ["landed"])
    restarted = cluster.settled("Deployment", "api")
    assert "kubectl.kubernetes.io/restartedAt" in restarted["spec"]["template"]["metadata"]["annotations"]
    assert restarted["metadata"]["generation"] == before["metadata"]["generation"] + 1

    assert perform(office, f"kubectl scale {where} --replicas=3") == ("COMPLETED", "success", ["landed"])
    assert cluster.settled("Deployment", "api")["status"]["readyReplicas"] == 3

    assert perform(office, f"kubectl set image {where} app=app:2") == ("COMPLETED", "success", ["landed"])
    changed = cluster.settled("Deployment", "api")
    assert changed["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"
    assert changed["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_a_deleted_pod_is_replaced_by_its_controller(office: Office, cluster: Cluster) -> None:  # noqa: F811
    cluster.workload(name="web", replicas=1)
    pod = next(pod for pod in cluster.items("Pod") if pod["metadata"]["name"].startswith("web-"))
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    action = f"kubectl delete pod {name} -n {cluster.namespace} --grace-period=0 --force"
    assert perform(office, action) == ("COMPLETED", "success", ["landed"])
    cluster.until(lambda: uid not in [pod["metadata"]["uid"] for pod in cluster.items("Pod")])
    cluster.settled("Deployment", "web")


def test_a_drained_node_is_cordoned_and_empty(office: Office, cluster: Cluster) -> None:  # noqa: F811
    node = f"n-{cluster.namespace}"
    spec = {"containers": [{"name": "app", "image": "app:1"}], "nodeName": node, "terminationGracePeriodSeconds": 0}
    cluster.create("Pod", {"metadata": {"name": "alone"}, "spec": spec})
    assert perform(office, f"kubectl drain {node} --force --timeout=60s")[:2] == ("COMPLETED", "success")
    assert cluster.get("Node", node)["spec"]["unschedulable"] is True
    assert "alone" not in [pod["metadata"]["name"] for pod in cluster.items("Pod")]
