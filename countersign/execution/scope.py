"""The policy as it holds where an approval acts."""

from countersign.execution.services import Services
from countersign.policy.document import Policy
from countersign.records.tables import Approval


def policy_for(services: Services, approval: Approval, policy: Policy | None = None) -> Policy:
    """Return `policy`, or else the one that the run began with, as it holds on the approval's cluster or hosts."""
    return (services.policy if policy is None else policy).at_cluster(_cluster_of(services, approval))


def _cluster_of(services: Services, approval: Approval) -> str | None:
    target = approval.target or {}
    if "host" in target:
        return None
    signed = target.get("cluster")
    return services.clusters.default if signed is None else str(signed)
