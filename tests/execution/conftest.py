"""A cluster, a policy with two signers, and services that know both."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.execution.clusters import only
from countersign.execution.decisions import sign_approval
from countersign.execution.direct_run import execute
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from countersign.targets.kubernetes.connection import ClusterSettings
from sandbox.cluster import SandboxCluster
from sandbox.demo.household import PEOPLE, Household, make_household
from tests.planted import plant


@dataclass(frozen=True)
class Office:
    """Everything around an approval: file it, have it signed, execute it."""

    services: Services
    household: Household
    cluster: SandboxCluster

    def approved(self, action: str, *, risk: str = "medium", **fields: object) -> UUID:
        """File `action` and have it signed by as many people as it takes."""
        request = replace(Request(action=action, requested_by="carol", risk_level=risk), **fields)
        with transaction(self.services.engine) as session:
            services, now = self.services, datetime.now(UTC)
            filed = file_request(
                session,
                request,
                policy=services.policy,
                now=now,
                clusters=services.clusters,
                fleet=services.fleet,
            )
            approval = filed.approval
            for name in PEOPLE[: approval.required_signatures]:
                key = self.household.keys[name]
                sign_approval(session, self.services, approval, signer=name, key=key, decision=Decision.APPROVE)
            return approval.id

    def run(self, approval_id: UUID, *, dry_run: bool = False, worker: str = "w1") -> Report:
        """Execute an approval without Prefect."""
        return execute(Run(self.services, approval_id, dry_run=dry_run, worker=worker))

    def perform(self, action: str, **fields: object) -> Report:
        """File, sign and execute."""
        return self.run(self.approved(action, **fields))

    def with_policy(self, policy: Policy) -> "Office":
        """Return the same office under another policy."""
        return replace(self, services=replace(self.services, policy=policy, reread_policy=lambda: policy))

    def at_cluster(self, cluster: SandboxCluster) -> "Office":
        """Return the same office with another cluster in the place of its own."""
        clusters = only(ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig)))
        return replace(self, cluster=cluster, services=replace(self.services, clusters=clusters))

    def with_settings(self, **changes: object) -> "Office":
        settings = self.services.settings.model_copy(update=changes)
        return replace(self, services=replace(self.services, settings=settings))


@pytest.fixture(scope="session")
def household() -> Household:
    household = make_household()
    plant(household.auto_secret.get_secret_value())
    return household


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[SandboxCluster]:
    with SandboxCluster() as cluster:
        plant(yaml.safe_load(cluster.kubeconfig)["users"][0]["user"]["token"])
        yield cluster


@pytest.fixture
def cluster(running_cluster: SandboxCluster) -> Iterator[SandboxCluster]:
    """The cluster with an empty request log and no faults."""
    running_cluster.faults.clear()
    running_cluster.log.clear()
    yield running_cluster
    running_cluster.faults.clear()


@pytest.fixture
def office(engine: Engine, household: Household, cluster: SandboxCluster) -> Office:
    policy = load_policy(household.policy)
    services = Services(
        settings=Settings(
            retry_delay_seconds=0.05, late_effect_seconds=0.2, request_timeout_seconds=3, follow_seconds=30
        ),
        engine=engine,
        policy=policy,
        reread_policy=lambda: policy,
        signing_secrets={},
        clusters=only(ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig))),
    )
    return Office(services, household, cluster)
