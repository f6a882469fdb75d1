"""Two clusters with the same objects: what is approved for one happens there, and nothing anywhere else."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from pydantic import SecretStr

from countersign.errors import ConfigurationError, InvalidInput
from countersign.execution.clusters import Clusters, only
from countersign.execution.run import Run
from countersign.policy.loading import load_policy
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.holds import held_keys
from countersign.records.states import ApprovalStatus
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"


@pytest.fixture(scope="module")
def second_cluster() -> Iterator[SandboxCluster]:
    with SandboxCluster() as cluster:
        yield cluster


@dataclass(frozen=True)
class Pair:
    """An office with the clusters "blue" (the default one) and "green"."""

    office: Office
    blue: SandboxCluster
    green: SandboxCluster

    def changed(self) -> tuple[int, int]:
        """How many mutations each has seen."""
        return len(self.blue.requests.mutations()), len(self.green.requests.mutations())

    def knowing(self, clusters: Clusters) -> Office:
        return replace(self.office, services=replace(self.office.services, clusters=clusters))


@pytest.fixture
def pair(office: Office, second_cluster: SandboxCluster) -> Pair:
    second_cluster.log.clear()
    known = {
        name: ClusterSettings(name=name, kubeconfig=SecretStr(cluster.kubeconfig))
        for name, cluster in (("blue", office.cluster), ("green", second_cluster))
    }
    several = replace(office, services=replace(office.services, clusters=Clusters(known, default="blue")))
    return Pair(several, office.cluster, second_cluster)


def signed_for(office: Office, approval_id: UUID) -> object:
    with transaction(office.services.engine) as session:
        return (get_approval(session, approval_id).target or {}).get("cluster")


def test_the_same_action_for_each_changes_the_one_that_is_named(pair: Pair) -> None:
    assert pair.office.perform(RESTART, cluster="green").outcome == "success"
    assert pair.changed() == (0, 1)
    assert pair.office.perform("kubectl --context green scale deploy/api --replicas=2 -n prod").outcome == "success"
    assert pair.changed() == (0, 2)
    assert pair.office.perform(RESTART).outcome == "success"
    assert pair.changed() == (1, 2)


def test_what_is_signed_stays_when_another_cluster_becomes_the_default(pair: Pair) -> None:
    approval_id = pair.office.approved(RESTART)
    assert signed_for(pair.office, approval_id) == "blue"
    switched = pair.knowing(replace(pair.office.services.clusters, default="green"))
    assert switched.run(approval_id).outcome == "success"
    assert pair.changed() == (1, 0)


def test_a_cluster_that_is_gone_is_said_and_the_approval_is_not_used_up(pair: Pair) -> None:
    approval_id = pair.office.approved(RESTART, cluster="green")
    without = pair.knowing(only(pair.office.services.clusters.named("blue")))
    with pytest.raises(ConfigurationError, match="signed for the cluster 'green', which does not exist any more"):
        without.run(approval_id)
    assert pair.changed() == (0, 0)
    with transaction(pair.office.services.engine) as session:
        assert get_approval(session, approval_id).status is ApprovalStatus.APPROVED
    assert pair.office.run(approval_id).outcome == "success"
    assert pair.changed() == (0, 1)


def test_one_that_names_no_cluster_is_not_performed_where_there_are_several(pair: Pair) -> None:
    unplaced = pair.knowing(Clusters())
    approval_id = unplaced.approved(RESTART)
    assert signed_for(unplaced, approval_id) is None
    with pytest.raises(ConfigurationError, match="nobody signed on which one"):
        pair.office.run(approval_id)
    assert pair.changed() == (0, 0)
    alone = pair.knowing(only(pair.office.services.clusters.named("green")))
    assert alone.run(approval_id).outcome == "success"
    assert pair.changed() == (0, 1)


@pytest.mark.all_rights
def test_a_target_changed_after_signing_is_tampering(pair: Pair) -> None:
    approval_id = pair.office.approved(RESTART)
    with transaction(pair.office.services.engine) as session:
        approval = get_approval(session, approval_id)
        approval.target = {**(approval.target or {}), "cluster": "green"}
        session.add(approval)
    report = pair.office.run(approval_id)
    assert (report.outcome, report.code) == ("blocked", "tampered")
    assert pair.changed() == (0, 0)


def test_an_investigation_asks_the_cluster_that_it_names(pair: Pair) -> None:
    pair.green.seed(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "only-green", "namespace": "prod"}}]
    )
    for action, fields in (
        ("kubectl get configmaps -n prod --context green", {}),
        ("kubectl get configmaps -n prod", {"cluster": "green"}),
    ):
        report = pair.office.perform(action, **fields)
        assert report.evidence is not None
        assert "only-green" in report.evidence.stdout
    elsewhere = pair.office.perform("kubectl get configmaps -n prod").evidence
    assert elsewhere is not None and "only-green" not in elsewhere.stdout + elsewhere.stderr


def test_each_cluster_has_its_own_holds(pair: Pair) -> None:
    impatient = pair.office.with_settings(target_wait_seconds=0)
    holder = Run(pair.office.services, pair.office.approved(RESTART), worker="w-holder")
    assert holder.claim() is None
    holder.read()
    resolution = holder.resolve()
    assert resolution is not None and holder.hold(resolution) is None
    with transaction(pair.office.services.engine) as session:
        assert held_keys(session, holder.known.owned.execution_id) == {"blue/Deployment/prod/api"}
    assert impatient.perform(RESTART, cluster="green").outcome == "success"
    assert impatient.perform(RESTART).code == "target_held"
    assert pair.changed() == (0, 1)


def test_each_cluster_has_its_own_rate_and_limits(pair: Pair) -> None:
    rules = "per_cluster: [{clusters: [green], max_scale_to: 3, max_actions_per_target_and_hour: 1}]\n"
    strict = pair.office.with_policy(load_policy(pair.office.household.policy + rules))
    scale = "kubectl scale deployment/web --replicas={} -n prod"
    refused = strict.perform(scale.format(4), cluster="green")
    assert (refused.outcome, refused.code) == ("blocked", "policy")
    assert "3 that are allowed" in refused.message
    assert strict.perform(scale.format(4)).outcome == "success"
    label = "kubectl label deployment/api turn={} -n prod --overwrite"
    assert strict.perform(label.format("one"), cluster="green").outcome == "success"
    assert strict.perform(label.format("two"), cluster="green").outcome == "blocked"
    assert strict.perform(label.format("one")).outcome == "success"
    assert strict.perform(label.format("two")).outcome == "success"


def test_a_cluster_may_ask_for_more_signatures(pair: Pair) -> None:
    rules = "per_cluster: [{clusters: [green], minimum_signatures: {medium: 2}}]\n"
    strict = pair.office.with_policy(load_policy(pair.office.household.policy + rules))
    with transaction(strict.services.engine) as session:
        needed = [
            get_approval(session, strict.approved(RESTART, cluster=name)).required_signatures
            for name in ("blue", "green")
        ]
    assert needed == [1, 2]
    lenient = pair.office.approved(RESTART, cluster="green")
    report = strict.run(lenient)
    assert (report.outcome, report.code) == ("blocked", "not_approved")
    assert pair.changed() == (0, 0)


@pytest.mark.parametrize(
    ("action", "named", "says", "hint"),
    [
        ("kubectl --context green get pods", "blue", "names 'green', and the request 'blue'", "leave one"),
        (RESTART, "gren", "no cluster 'gren'", "did you mean green? known clusters: blue, green"),
        ("kubectl --context red delete pod x -n prod", None, "no cluster 'red'", "known clusters: blue, green"),
        ("ssh web-1 'systemctl restart nginx'", "green", "on the host web-1", "leave it out"),
    ],
)
def test_a_cluster_that_cannot_be_meant_is_refused_when_filed(
    pair: Pair, action: str, named: str | None, says: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        pair.office.approved(action, cluster=named)
    assert says in refusal.value.message
    assert hint in str(refusal.value.hint)
