"""Whether a plan is of the signed operation: asked when one is read back, and again before anything is sent."""

from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.errors import Tampered
from countersign.execution.services import Services
from countersign.records.tables import Approval
from countersign.targets.hosts import binding as hosts
from countersign.targets.kubernetes import binding as kubernetes
from countersign.targets.model import Plan


def require_own(
    services: Services, approval: Approval, operation: KubernetesOperation | HostOperation, plan: Plan
) -> None:
    """Raise Tampered unless `plan` can come of `operation`, which is the one that was signed."""
    if isinstance(operation, HostOperation):
        reason = hosts.not_of(operation, plan, services.the_fleet())
    else:
        signed = approval.target or {}
        namespace = signed.get("namespace")
        if namespace is None and plan.system in services.clusters.by_name:
            namespace = services.clusters.planned(plan.system).default_namespace
        reason = kubernetes.not_of(operation, plan, system=signed.get("cluster"), namespace=namespace)
    if reason is not None:
        raise Tampered(
            f"The plan on record is not one of the signed action: {reason}.",
            hint="nothing is sent; find out who writes to the database",
            of="plan",
        )
