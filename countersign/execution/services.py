"""What a run needs from outside: the records, the policy and the targets' settings, put together by the caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.actions.operation import Investigation
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channels
from countersign.execution.chats import Chats
from countersign.execution.clusters import NO_CLUSTERS, Clusters
from countersign.execution.plan_seal import Seal, read_seal
from countersign.policy.document import Policy
from countersign.records.policy_versions import PolicyMark
from countersign.settings import Settings
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.investigate import Evidence, run_investigation
from countersign.targets.kubernetes.kubeconfig import ClusterSettings


def _unmarked(_policy: Policy) -> None:
    """Know no policy."""


@dataclass(frozen=True)
class Services:
    """Everything a run uses that is not the approval itself."""

    settings: Settings
    engine: Engine
    policy: Policy
    reread_policy: Callable[[], Policy]
    """Reads the policy again: what may have changed is asked before every intent."""
    policy_mark: PolicyMark | None = None
    """Which policy that is, for the record; None where there is none yet."""
    mark_of: Callable[[Policy], PolicyMark | None] = _unmarked
    """Says which one a policy is that was read again."""
    signing_secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    """HMAC secrets by key id."""
    clusters: Clusters = NO_CLUSTERS
    fleet: FleetSettings | ConfigurationError | None = None
    """An error is raised by whatever needs the hosts, and by nothing else."""
    channels: Channels | ConfigurationError | None = None
    """The same for those who are told how executions ended; None where nobody is."""

    chats: Chats | ConfigurationError | None = None
    """The same for chats in which people sign; None where there are none."""

    @cached_property
    def seal(self) -> Seal:
        """The seal of plans and journals. Raises ConfigurationError where its key cannot be read."""
        return read_seal(self.settings.trust_dir)

    def investigate(self, investigation: Investigation, cluster: ClusterSettings) -> Evidence:
        """Run a read-only kubectl command against `cluster`."""
        return run_investigation(cluster, investigation.argv, timeout=self.settings.investigation_timeout_seconds)

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

    def the_chats(self) -> Chats:
        """Return the chats in which people sign. Raises ConfigurationError where the block cannot be used."""
        if isinstance(self.chats, ConfigurationError):
            raise self.chats
        return self.chats or Chats()

    def the_channels(self) -> Channels | None:
        """Return who is told, None where nobody is. Raises ConfigurationError where the block cannot be used."""
        if isinstance(self.channels, ConfigurationError):
            raise self.channels
        return self.channels
