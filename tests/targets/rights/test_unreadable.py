"""A protection that cannot be asked about is a finding, which the policy can block on."""

from collections.abc import Iterator

import pytest

from countersign.actions.operation import DeleteParameters, ScaleParameters, Verb
from countersign.errors import PreflightRefused, TransientTargetError
from countersign.policy.checks import enforce
from countersign.policy.document import Policy
from countersign.policy.findings import decide_findings
from countersign.policy.loading import load_policy
from countersign.targets.criteria import Case, Standing
from countersign.targets.kubernetes.criteria import criteria
from countersign.targets.model import Finding, Severity
from sandbox.cluster import Effect, Fault, SandboxCluster
from tests.targets.cluster import Cluster


@pytest.fixture
def sandbox() -> Iterator[SandboxCluster]:
    with SandboxCluster() as sandbox:
        yield sandbox


@pytest.fixture
def cluster(sandbox: SandboxCluster) -> Iterator[Cluster]:
    with Cluster(sandbox.kubeconfig) as cluster:
        cluster.new_namespace()
        cluster.workload(replicas=1)
        yield cluster


def forbid(sandbox: SandboxCluster, resource: str, code: int = 403) -> None:
    sandbox.faults.add(Fault(effect=Effect.ERROR, path=f"/{resource}$", method="GET", code=code, count=None))


def scaled_down(cluster: Cluster) -> tuple[Finding, ...]:
    operation = cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(0))
    return cluster.target.preflight(cluster.plan(operation))


UNREADABLE = [("poddisruptionbudgets", "pdb_not_readable"), ("horizontalpodautoscalers", "hpa_not_readable")]


@pytest.mark.parametrize(("resource", "finding"), UNREADABLE)
def test_what_cannot_be_read_is_warned_about(
    sandbox: SandboxCluster, cluster: Cluster, resource: str, finding: str
) -> None:
    forbid(sandbox, resource)
    (found,) = scaled_down(cluster)
    assert (found.severity, found.code) == (Severity.WARNING, finding)
    enforce(decide_findings(Policy(), [found]))
    with pytest.raises(PreflightRefused):
        enforce(decide_findings(load_policy(f"blocking_findings: [{finding}]"), [found]))


@pytest.mark.parametrize("resource", [resource for resource, _finding in UNREADABLE])
def test_a_list_that_is_not_found_is_asked_again_and_never_taken_for_an_empty_one(
    sandbox: SandboxCluster, cluster: Cluster, resource: str
) -> None:
    forbid(sandbox, resource, 404)
    with pytest.raises(TransientTargetError):
        scaled_down(cluster)


def test_a_deletion_whose_budgets_cannot_be_read_is_warned_about(sandbox: SandboxCluster, cluster: Cluster) -> None:
    forbid(sandbox, "poddisruptionbudgets")
    name = cluster.items("Pod")[0]["metadata"]["name"]
    plan = cluster.plan(cluster.operation(Verb.DELETE, "Pod", name, parameters=DeleteParameters()))
    assert [found.code for found in cluster.target.preflight(plan)] == ["pdb_not_readable"]


def test_events_that_cannot_be_read_are_said_in_the_evidence(sandbox: SandboxCluster, cluster: Cluster) -> None:
    plan = cluster.plan(cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(0)))
    (readable,) = cluster.target.observe(plan).objects.values()
    assert "warnings_unreadable" not in readable and readable["warnings"] == []
    forbid(sandbox, "events")
    sample = cluster.target.observe(plan).objects
    (facts,) = sample.values()
    assert facts["warnings_unreadable"] is True and "warnings" not in facts
    told = criteria(Case(plan=plan, before=sample, samples=[sample], over=True))
    assert any("events may not be read" in each.reason for each in told if each.standing is Standing.NOTE)
