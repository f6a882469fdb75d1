"""What follows an execution happens on its own cluster, whichever is the default one by then."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from countersign.execution.clusters import Clusters, only
from countersign.records.states import StepName, StepStatus
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster
from tests.aftermath.following import execution_id_of, ledger, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, image_of, made_worse
from tests.execution.conftest import Office


@pytest.fixture(scope="module")
def another() -> Iterator[SandboxCluster]:
    with SandboxCluster() as cluster:
        yield cluster


def with_clusters(office: Office, clusters: Clusters) -> Office:
    return replace(office, services=replace(office.services, clusters=clusters))


def test_it_is_verified_and_rolled_back_where_it_was_executed(lenient: Office, another: SandboxCluster) -> None:
    own = lenient.services.clusters.the_default()
    other = ClusterSettings(name="another", kubeconfig=SecretStr(another.kubeconfig))
    both = Clusters({own.name: own, other.name: other}, default=own.name)
    report = made_worse(with_clusters(lenient, both))
    switched = with_clusters(lenient, replace(both, default=other.name))
    step = run_one(switched, execution_id_of(report), StepName.ROLL_BACK)
    assert (step.status, (step.result or {})["rolled_back"]) == (StepStatus.DONE, True)
    assert image_of(lenient) == GOOD
    assert another.requests.mutations() == []


def test_without_its_cluster_nothing_is_rolled_back_and_it_says_so(lenient: Office, another: SandboxCluster) -> None:
    report = made_worse(lenient)
    elsewhere = only(ClusterSettings(name="another", kubeconfig=SecretStr(another.kubeconfig)))
    moved = with_clusters(lenient, elsewhere)
    run_one(moved, execution_id_of(report), StepName.ROLL_BACK)
    step = ledger(moved, execution_id_of(report))[StepName.ROLL_BACK]
    assert step.status is not StepStatus.DONE
    assert "sandbox" in (step.reason or step.error or "")
    assert image_of(lenient) == BAD
    assert another.requests.mutations() == []
