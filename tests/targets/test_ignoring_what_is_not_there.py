"""kubectl delete --ignore-not-found: what is not there under exactly that name is nothing to do, and is said so."""

from datetime import UTC, datetime

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import TargetNotFound
from countersign.targets.criteria import Case, Criterion, Standing
from countersign.targets.kubernetes.criteria import criteria
from countersign.targets.model import Plan
from tests.targets.cluster import Cluster

pytestmark = pytest.mark.contract


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


def judged(cluster: Cluster, plan: Plan) -> list[Criterion]:
    sample = cluster.target.observe(plan).objects
    return criteria(Case(plan=plan, before=None, samples=[sample], over=True))


@pytest.mark.parametrize("kind", ["pod", "job", "deployment", "pvc"])
def test_what_is_not_there_is_nothing_to_do(cluster: Cluster, kind: str) -> None:
    plan = cluster.plan(read(f"kubectl delete {kind} no-such --ignore-not-found"))
    assert plan.steps == ()
    assert [(ref.name, ref.uid) for ref in plan.absent] == [("no-such", None)]
    assert [finding.code for finding in cluster.target.preflight(plan)] == ["nothing_to_do"]
    assert {each.standing for each in judged(cluster, plan)} == {Standing.MET}
    assert cluster.proxy.writes == []


def test_without_the_flag_it_is_not_found(cluster: Cluster) -> None:
    for text in ("kubectl delete pod no-such", "kubectl delete pod no-such --ignore-not-found=false"):
        with pytest.raises(TargetNotFound, match="no-such does not exist"):
            cluster.plan(read(text))


def test_what_is_there_is_deleted_and_the_rest_is_said(cluster: Cluster) -> None:
    cluster.workload("Deployment", "here")
    plan = cluster.perform(read("kubectl delete deployment here gone --ignore-not-found"))
    assert [step.ref.name for step in plan.steps] == ["here"]
    assert [ref.name for ref in plan.absent] == ["gone"]
    assert {each.standing for each in judged(cluster, plan)} == {Standing.MET}


def test_another_name_that_could_be_meant_is_left_alone(cluster: Cluster) -> None:
    """Capitals are read as small letters elsewhere; here that is another name, as kubectl has it."""
    cluster.workload("Deployment", "api", replicas=1)
    (pod,) = cluster.items("Pod")
    name = pod["metadata"]["name"].upper()
    assert cluster.plan(read(f"kubectl delete pod {name}")).steps
    plan = cluster.plan(read(f"kubectl delete pod {name} --ignore-not-found"))
    assert (plan.steps, [ref.name for ref in plan.absent]) == ((), [name])


def test_what_goes_before_the_plan_is_made_is_nothing_to_do_either(cluster: Cluster) -> None:
    cluster.workload("Deployment", "api")
    operation = read("kubectl delete deployment api --ignore-not-found")
    resolution = cluster.target.resolve(operation)
    cluster.write("DELETE", cluster.path("Deployment", "api"), None, what="somebody else")
    plan = cluster.target.plan(operation, resolution, at=datetime.now(UTC))
    assert (plan.steps, [ref.name for ref in plan.absent]) == ((), ["api"])
