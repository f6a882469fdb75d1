"""Holds Prefect's password: lets the signed name of a cluster or a host mean another one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml
from pydantic import SecretStr

from countersign.errors import ConfigurationError, NotTrusted, TargetNotFound
from countersign.execution.clusters import Clusters, only
from countersign.execution.filing import Request, file_at
from countersign.execution.place_identity import cluster_identity, host_identity
from countersign.execution.target_access import same_cluster
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.kubeconfig_rules import Allowances
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


@pytest.mark.parametrize(
    "clusters", [Clusters(problem=ConfigurationError("Prefect is away.")), Clusters()], ids=["away", "none"]
)
def test_nothing_is_filed_of_which_nobody_knows_where_it_acts(office: Office, clusters: Clusters) -> None:
    """While Prefect is away, or has no block, a name would be signed that somebody gives a meaning later."""
    services = replace(office.services, clusters=clusters)
    with pytest.raises(ConfigurationError), transaction(services.engine) as session:
        file_at(session, services, Request(action=RESTART, requested_by="carol"))
    assert audited(office, "approval") == []


def test_nor_for_a_host_that_nobody_knows(office: Office) -> None:
    services = replace(office.services, fleet=fleet("AAAA"))
    with pytest.raises(TargetNotFound, match="web-2"), transaction(services.engine) as session:
        file_at(session, services, Request(action="ssh web-2 systemctl restart nginx", requested_by="carol"))


@pytest.mark.parametrize(
    "change", [{"tls-server-name": "attacker"}, {"insecure-skip-tls-verify": True}, {"proxy-url": "http://p"}]
)
def test_another_way_to_prove_it_is_another_cluster(office: Office, change: dict[str, object]) -> None:
    document = yaml.safe_load(office.cluster.kubeconfig)
    everything = Allowances(token_file=True, proxy_url=True, insecure_tls=True)
    own = ClusterSettings(name="sandbox", kubeconfig=SecretStr(office.cluster.kubeconfig), allowed=everything)
    document["clusters"][0]["cluster"] |= change
    assert cluster_identity(replace(own, kubeconfig=SecretStr(yaml.safe_dump(document)))) != cluster_identity(own)
