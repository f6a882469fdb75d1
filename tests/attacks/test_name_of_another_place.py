"""Holds Prefect's password: lets the signed name of a cluster or a host mean another one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml
from pydantic import SecretStr

from countersign.errors import NotTrusted
from countersign.execution.clusters import only
from countersign.execution.place_identity import cluster_identity, host_identity
from countersign.execution.target_access import same_cluster
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster
from tests.attacks.conftest import Office, audited

RESTART = "kubectl rollout restart deployment/api -n prod"
ON_HOST = "ssh web-1 systemctl restart nginx"


@pytest.fixture
def theirs() -> Iterator[SandboxCluster]:
    """Another cluster with the same objects, which the attacker wants to have changed."""
    with SandboxCluster() as cluster:
        yield cluster


def meaning(office: Office, cluster: SandboxCluster) -> Office:
    """Return the office after the block of the same name was edited."""
    settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig))
    return replace(office, services=replace(office.services, clusters=only(settings)))


def test_a_cluster_of_the_same_name_is_not_acted_on(office: Office, theirs: SandboxCluster) -> None:
    approval = office.approved(RESTART)
    report = meaning(office, theirs).run(approval)
    assert (report.outcome, report.success) == ("blocked", False)
    assert "sandbox is another place than the one that was signed for" in report.message
    assert "execution:start:refused" in audited(office, approval)
    assert not theirs.log.mutations() and not office.cluster.log.mutations()


def test_nor_is_it_believed_when_an_execution_is_taken_over(office: Office, theirs: SandboxCluster) -> None:
    """There, an object that was deleted would be gone, and one that was restarted would look restarted."""
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        approval = get_approval(session, approval_id)
    with pytest.raises(NotTrusted, match="another place"):
        same_cluster(meaning(office, theirs).services, approval, "sandbox")


def test_other_credentials_are_no_other_cluster(office: Office) -> None:
    document = yaml.safe_load(office.cluster.kubeconfig)
    own = ClusterSettings(name="sandbox", kubeconfig=SecretStr(office.cluster.kubeconfig))
    document["users"][0]["user"] = {"token": "rotated"}
    document["clusters"][0]["name"] = document["contexts"][0]["context"]["cluster"] = "renamed"
    rotated = replace(own, kubeconfig=SecretStr(yaml.safe_dump(document)), default_namespace="prod")
    assert cluster_identity(rotated) == cluster_identity(own)
    for change in ({"server": "https://attacker.example"}, {"certificate-authority-data": "QUFBQQ=="}):
        document["clusters"][0]["cluster"] |= change
        other = replace(own, kubeconfig=SecretStr(yaml.safe_dump(document)))
        assert cluster_identity(other) != cluster_identity(own)


def fleet(key: str, address: str = "192.0.2.1") -> FleetSettings:
    return FleetSettings(
        "fleet", (HostSettings("web-1", address, "ops", SecretStr("none"), (f"ssh-ed25519 {key}",)),)
    )


def test_a_host_of_the_same_name_is_not_acted_on(office: Office) -> None:
    there = replace(office, services=replace(office.services, fleet=fleet("AAAA")))
    approval = there.approved(ON_HOST)
    report = replace(office, services=replace(office.services, fleet=fleet("BBBB"))).run(approval)
    assert (report.outcome, report.success) == ("blocked", False)
    assert "web-1 is another place than the one that was signed for" in report.message
    assert "execution:start:refused" in audited(office, approval)


def test_a_host_that_has_moved_is_the_same_while_it_has_its_key() -> None:
    assert host_identity(fleet("AAAA"), "web-1") == host_identity(fleet("AAAA", "192.0.2.9"), "web-1")
    assert host_identity(fleet("AAAA"), "web-1") != host_identity(fleet("BBBB"), "web-1")
