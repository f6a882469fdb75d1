"""What has to work before an approval is claimed: a configuration that cannot must not use one up."""

from contextlib import suppress
from uuid import UUID

from countersign.actions import read_action
from countersign.actions.operation import HostOperation, Investigation, KubernetesOperation
from countersign.errors import BlockRefused, ConfigurationError, ParseFailure
from countersign.execution.clusters import ClusterGone
from countersign.execution.services import Services
from countersign.execution.target_access import cluster_to_open
from countersign.policy.checks import check_kill_switch, enforce
from countersign.records import refusals
from countersign.records.approvals import get_approval
from countersign.records.database.engine import statements
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from countersign.targets.kubernetes.connection import connect

OBSERVES = {"reading": "observation"}


def require_ready(services: Services, approval_id: UUID, *, dry_run: bool = False) -> None:
    """Raise where a run of the approval cannot begin, or an execution that it might take over cannot be settled: for
    that the target has to be asked.

    Raises NotFound, ConfigurationError, DatabaseUnavailable, and KillSwitchOn for the policy's switch: the other
    one is asked by the claim.
    """
    with statements(services.engine) as session:
        approval = get_approval(session, approval_id)
        begun = execution_of(session, approval_id)
    if approval.status not in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING):
        return
    planned_for = begun.plan.get("system") if begun is not None and begun.plan is not None else None
    _ = services.seal
    if approval.status is ApprovalStatus.APPROVED and not dry_run and approval.parameters != OBSERVES:
        _require_working_policy(services)
    try:
        with suppress(ParseFailure):
            match read_action(approval.action):
                case KubernetesOperation() | Investigation():
                    cluster = cluster_to_open(services, approval, planned_for)
                    with connect(cluster, request_timeout=1):
                        pass
                case HostOperation():
                    services.the_fleet()
    except BlockRefused as refusal:
        refusals.tell(services.engine, refusal, approval_id=approval_id)
        raise
    except ClusterGone:
        # What was begun there is settled by what is on record.
        if approval.status is ApprovalStatus.APPROVED:
            raise


def _require_working_policy(services: Services) -> None:
    """Raise where no signature could count, or nothing may be done now: neither is about the approval."""
    if not services.policy.signers:
        raise ConfigurationError(
            "The policy names nobody who may sign, so every approval would be refused; none is.",
            hint="`countersign policy show` says which policy is in force; `countersign keys enter` adds a signer",
        )
    enforce([check_kill_switch(services.policy, None)])
