"""What has to work before an approval is claimed: a configuration that cannot must not use one up."""

from contextlib import suppress
from uuid import UUID

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, Investigation, KubernetesOperation
from countersign.errors import ParseFailure
from countersign.execution.clusters import ClusterGone
from countersign.execution.services import Services
from countersign.execution.target_access import cluster_to_open
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from countersign.targets.kubernetes.connection import connect


def require_ready(services: Services, approval_id: UUID) -> None:
    """Raise where a run of the approval cannot begin, or an execution that it might take over cannot be settled: for
    that the target has to be asked.

    Raises NotFound, ConfigurationError, DatabaseUnavailable.
    """
    with transaction(services.engine) as session:
        approval = get_approval(session, approval_id)
        begun = execution_of(session, approval_id)
    if approval.status not in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING):
        return
    planned_for = begun.plan.get("system") if begun is not None and begun.plan is not None else None
    _ = services.seal
    try:
        with suppress(ParseFailure):
            match read_action(approval.action):
                case KubernetesOperation() | Investigation():
                    cluster = cluster_to_open(services, approval, planned_for)
                    with connect(cluster, request_timeout=1):
                        pass
                case HostOperation():
                    services.the_fleet()
    except ClusterGone:
        # What was begun there is settled by what is on record.
        if approval.status is ApprovalStatus.APPROVED:
            raise
