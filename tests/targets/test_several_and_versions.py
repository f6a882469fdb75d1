"""Objects of several kinds in one line, and the version of the API that an action names, on a cluster."""

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.change import field_of
from countersign.targets.model import Landed
from tests.targets.cluster import Cluster

pytestmark = pytest.mark.contract

STAMP = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


def test_a_restart_of_several_kinds_restarts_each_once(cluster: Cluster) -> None:
    for kind, name in (("Deployment", "a"), ("StatefulSet", "b"), ("Deployment", "c")):
        cluster.workload(kind, name)
    plan = cluster.perform(read("kubectl rollout restart deployment/a statefulset/b deployment/c"))
    assert [(ref.kind, ref.name) for ref in plan.refs] == [
        ("Deployment", "a"),
        ("Deployment", "c"),
        ("StatefulSet", "b"),
    ]
    assert len({step.key for step in plan.steps}) == len(plan.steps) == 3
    for step in plan.steps:
        assert field_of(cluster.get(step.ref.kind, step.ref.name), STAMP)
        assert cluster.target.inspect(plan, step).landed is Landed.YES


def test_one_that_is_missing_stops_the_whole_line(cluster: Cluster) -> None:
    cluster.workload("Deployment", "a")
    with pytest.raises(TargetNotFound, match="StatefulSet"):
        cluster.target.resolve(read("kubectl rollout restart deployment/a statefulset/b"))
    assert cluster.proxy.writes == []


def autoscaler(cluster: Cluster) -> None:
    cluster.workload(name="web")
    cluster.create(
        "HorizontalPodAutoscaler",
        {
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 3,
            },
        },
    )


def test_the_version_that_is_written_is_the_one_that_is_asked(cluster: Cluster) -> None:
    autoscaler(cluster)
    # targetCPUUtilizationPercentage is a field of v1 alone; v2 has metrics.
    patch = '{"spec":{"targetCPUUtilizationPercentage":70}}'
    plan = cluster.perform(read(f"kubectl patch hpa.v1.autoscaling/web -p '{patch}'"))
    assert all("/apis/autoscaling/v1/" in path for _, path in cluster.proxy.writes)
    assert cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES
    live = cluster.connection.get(plan.steps[0].request["path"])
    assert live["spec"]["targetCPUUtilizationPercentage"] == 70


def test_a_cronjob_in_a_version_that_has_none_is_refused_in_a_sentence(cluster: Cluster) -> None:
    """batch/v1 has CronJobs since Kubernetes 1.21, and jobs in every version."""
    in_v1 = any(found["name"] == "cronjobs" for found in cluster.connection.resources("batch", "v1"))
    actions = [
        """kubectl patch cronjob.v1.batch/report -p '{"spec":{"suspend":true}}'""",
        "kubectl set image cronjob.v1.batch/report app=app:2",
        "kubectl label cronjob.v1.batch/report a=b",
        "kubectl annotate cronjob.v1.batch/report a=b",
    ]
    for action in actions:
        with pytest.raises(TargetNotFound if in_v1 else PermanentTargetError) as caught:
            cluster.target.resolve(read(action))
        if not in_v1:
            assert "CronJobs need Kubernetes 1.21" in caught.value.message
            assert "batch/v1beta1" in str(caught.value.hint)
    assert cluster.proxy.writes == []


def test_a_version_that_the_cluster_does_not_have_is_refused_with_those_it_has(cluster: Cluster) -> None:
    autoscaler(cluster)
    served = cluster.connection.versions("autoscaling")
    missing = next(version for version in ("v2beta1", "v2beta2", "v2") if version not in served)
    with pytest.raises(PermanentTargetError, match=f"does not have version {missing} of autoscaling") as caught:
        cluster.target.resolve(read(f"""kubectl patch hpa.{missing}.autoscaling/web -p '{{"spec":{{}}}}'"""))
    assert served[0] in str(caught.value.hint)
