"""What a run needs from outside: the records, the policy and the targets' settings, put together by the caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.actions.operation import Investigation, KubernetesOperation
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channels
from countersign.policy.document import Policy
from countersign.settings import Settings
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.investigate import Evidence, run_investigation
from countersign.targets.kubernetes.kinds import api_kind
from countersign.targets.kubernetes.kubeconfig import ClusterSettings


@dataclass(frozen=True)
class Services:
    """Everything a run uses that is not the approval itself."""

    settings: Settings
    engine: Engine
    policy: Policy
    reread_policy: Callable[[], Policy]
    """Reads the policy again, for the kill switch immediately before the effect."""
    signing_secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    """HMAC secrets by key id."""
    cluster: ClusterSettings | ConfigurationError | None = None
    """An error is raised by whatever needs the cluster, and by nothing else."""
    fleet: FleetSettings | ConfigurationError | None = None
    """The same for the hosts."""
    channels: Channels | ConfigurationError | None = None
    """The same for those who are told how executions ended; None where nobody is."""

    def investigate(self, investigation: Investigation) -> Evidence:
        """Run a read-only kubectl command against the cluster."""
        return run_investigation(
            self.the_cluster(), investigation.argv, timeout=self.settings.investigation_timeout_seconds
        )

    def namespace_of(self, operation: KubernetesOperation) -> str | None:
        """Return the namespace that `operation` is about; None for objects that have none."""
        if not api_kind(operation.kind).namespaced:
            return None
        return operation.namespace or self.the_cluster().default_namespace

    def known_cluster(self) -> ClusterSettings | None:
        """Return the cluster's settings, None where there are none that can be used."""
        return self.cluster if isinstance(self.cluster, ClusterSettings) else None

    def the_cluster(self) -> ClusterSettings:
        """Return the cluster's settings. Raises ConfigurationError where none are configured."""
        if isinstance(self.cluster, ConfigurationError):
            raise self.cluster
        if self.cluster is None:
            raise ConfigurationError(
                "No cluster is configured.",
                hint=f'save a KubernetesCluster block named "{self.settings.cluster_block}" (see docs/operations.md)',
            )
        return self.cluster

    def the_fleet(self) -> FleetSettings:
        """Return the hosts' settings. Raises ConfigurationError where none are configured."""
        if isinstance(self.fleet, ConfigurationError):
            raise self.fleet
        if self.fleet is None:
            raise ConfigurationError(
                "No hosts are configured.",
                hint=f'save an SSHHosts block named "{self.settings.hosts_block}" (see docs/operations.md)',
            )
        return self.fleet

    def the_channels(self) -> Channels | None:
        """Return who is told, None where nobody is. Raises ConfigurationError where the block cannot be used."""
        if isinstance(self.channels, ConfigurationError):
            raise self.channels
        return self.channels
