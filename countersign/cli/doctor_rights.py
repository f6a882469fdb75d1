"""What `countersign doctor` asks a cluster about rights: those of every operation that the policy allows."""

from countersign.cli.opened import records
from countersign.errors import ConfigurationError
from countersign.execution.policy.in_force import policy_source
from countersign.policy.document import Policy
from countersign.policy.operations import matches_any
from countersign.policy.risk import RiskLevel
from countersign.settings import Settings
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.reviewing import Missing, missing_rights
from countersign.targets.kubernetes.rights import OPERATIONS


def operations_in_question(settings: Settings, cluster: str) -> tuple[str, ...]:
    """Return the operations that the policy allows on `cluster` at any risk; all of them where it cannot be read."""
    try:
        with records(settings) as engine:
            return allowed_operations(policy_source(settings, engine).read().policy.at_cluster(cluster))
    except ConfigurationError:
        return OPERATIONS


def allowed_operations(policy: Policy) -> tuple[str, ...]:
    """Return the operations on clusters that the policy allows at any level of risk."""
    patterns = [pattern for level in RiskLevel for pattern in policy.allowed_operations.at(level)]
    return tuple(operation for operation in OPERATIONS if matches_any(operation, patterns))


def rights_missing(settings: Settings, cluster: ClusterSettings) -> tuple[Missing, ...]:
    """Ask the cluster what its credentials lack. Raises TargetNotFound where it has no such reviews, TargetError."""
    with connect(cluster, request_timeout=settings.request_timeout_seconds) as connection:
        return missing_rights(
            connection, operations_in_question(settings, cluster.name), namespaces=cluster.allowed_namespaces
        )
