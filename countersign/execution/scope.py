"""Where an approval acts: the policy as it holds there, and what roles are asked about."""

from collections.abc import Mapping
from typing import Any

from countersign.execution.services import Services
from countersign.policy.access import HOSTS, Scope
from countersign.policy.document import Policy
from countersign.policy.operations import INVESTIGATE
from countersign.policy.risk import RiskLevel
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


def scope_of(approval: Approval) -> Scope:
    """Return what roles are asked about, from what of the approval is signed."""
    return scope_in(approval.target or {}, approval.parameters or {}, approval.risk_level.value)


def scope_in(target: Mapping[str, Any], parameters: Mapping[str, Any], risk: str) -> Scope:
    """Return what roles are asked about a target, what is done there, and the risk that it has."""
    host = target.get("host") is not None
    operation = target.get("tool") if host else parameters.get("operation")
    if operation is None and parameters.get("reading") == "investigation":
        operation = INVESTIGATE
    return Scope(
        cluster=HOSTS if host else target.get("cluster"),
        namespace=target.get("namespace"),
        operation=operation,
        risk=RiskLevel(risk),
    )


def scope_of_signals(labels: Mapping[str, str]) -> Scope:
    """Return what roles are asked about an incident, from what its alerts say together of where it is."""
    return Scope(cluster=labels.get("cluster") or None, namespace=labels.get("namespace") or None)
