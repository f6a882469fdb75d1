"""Holds Prefect's password: chooses another default cluster or namespace for what is signed already."""

from dataclasses import replace

from pydantic import SecretStr

from countersign.execution.clusters import Clusters
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from tests.attacks.conftest import Office, audited
from tests.attacks.test_cluster_blocks import Attacker, attacker, kubeconfig

__all__ = ["attacker"]
# Names neither cluster nor namespace: both are what was the default when it was filed, and signed so.
ACTION = "kubectl rollout restart deployment/web"


def settings(office: Office, **changes: object) -> ClusterSettings:
    own = ClusterSettings(name="sandbox", kubeconfig=SecretStr(office.cluster.kubeconfig), default_namespace="prod")
    return replace(own, **changes)


def knowing(office: Office, *clusters: ClusterSettings, default: str) -> Office:
    known = Clusters({each.name: each for each in clusters}, default=default)
    return replace(office, services=replace(office.services, clusters=known))


def test_another_default_cluster_is_not_acted_on(office: Office, attacker: Attacker) -> None:
    own = settings(office)
    approval = knowing(office, own, default="sandbox").approved(ACTION)
    hers = ClusterSettings(name="hers", kubeconfig=SecretStr(kubeconfig(attacker.url, user={"token": "t"})))
    assert knowing(office, own, hers, default="hers").run(approval).success
    assert len(office.cluster.log.mutations()) == 1
    assert attacker.heard == []


def test_another_default_namespace_is_not_acted_in(office: Office) -> None:
    approval = knowing(office, settings(office), default="sandbox").approved(ACTION)
    there = knowing(office, settings(office, default_namespace="staging"), default="sandbox")
    report = there.run(approval)
    assert (report.outcome, report.success) == ("blocked", False)
    assert "the cluster block now means cluster sandbox, namespace staging" in report.message
    assert "execution:start:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()


def test_a_cluster_that_was_taken_away_is_no_reason_for_another_one(office: Office, attacker: Attacker) -> None:
    approval = knowing(office, settings(office), default="sandbox").approved(ACTION)
    hers = ClusterSettings(name="hers", kubeconfig=SecretStr(kubeconfig(attacker.url, user={"token": "t"})))
    there = knowing(office, hers, default="hers")
    try:
        assert not there.run(approval).success
    except Exception as error:
        assert "which does not exist any more" in str(error)
    assert attacker.heard == [] and not office.cluster.log.mutations()
