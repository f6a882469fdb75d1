"""An approval as the API shows it, from the record and the policy as they stand."""

from uuid import UUID

from sqlmodel import Session

from countersign.execution.decisions import who_may_still_sign
from countersign.execution.explanation import Explanation
from countersign.execution.filing import placed, reading_of, signed_content
from countersign.execution.services import Services
from countersign.masking import masked, masked_values
from countersign.records.approval_list import ApprovalRow, rows_with
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.states import ApprovalStatus, Decision
from countersign.records.tables import Approval, TimelineEvent
from countersign.web.api.approval_models import AnswerView, ApprovalView, EventView, PreviewView


def approval_view(session: Session, services: Services, approval_id: UUID) -> ApprovalView:
    """Return the approval as it stands. Raises NotFound."""
    get_approval(session, approval_id)
    return row_view(session, services, rows_with(session, {approval_id})[approval_id])


def row_view(session: Session, services: Services, row: ApprovalRow) -> ApprovalView:
    """Return an approval of a list, with what became of it."""
    approval = row.approval
    signatures = signatures_of(session, approval.id)
    return ApprovalView(
        id=approval.id,
        status=approval.status,
        action=masked(approval.action),
        description=masked(approval.description),
        risk_level=approval.risk_level,
        requested_by=approval.requested_by,
        required_signatures=approval.required_signatures,
        signed_by=[each.signer for each in signatures if each.decision is Decision.APPROVE],
        may_sign=_may_sign(services, approval, [each.signer for each in signatures]),
        hash=signed_content(approval).hash,
        target=masked_values(approval.target),
        parameters=masked_values(approval.parameters),
        blast_radius=masked_values(approval.blast_radius),
        incident_id=approval.incident_id,
        matched_playbook_id=approval.matched_playbook_id,
        created_at=approval.created_at,
        updated_at=approval.updated_at,
        expires_at=approval.expires_at,
        not_before=approval.not_before,
        start=approval.start,
        when_blocked=approval.when_blocked,
        waiting_until=approval.waiting_until,
        waiting_reason=approval.waiting_reason and masked(approval.waiting_reason),
        reason=approval.rejection_reason and masked(approval.rejection_reason),
        outcome=row.outcome,
        verdict=row.verdict,
        rolled_back=row.rolled_back,
    )


def preview_view(services: Services, approval: Approval, explanation: Explanation, given: list[str]) -> PreviewView:
    """Return what would happen to `approval` now."""
    plan = explanation.plan
    return PreviewView(
        runs=explanation.runs,
        policy=str(services.policy_mark) if services.policy_mark is not None else None,
        answers=[
            AnswerView(rule=each.rule, passed=each.passed, reason=each.reason, hint=each.hint, until=each.until)
            for each in explanation.answers
        ],
        reading=masked_values(dict(placed(reading_of(approval.action), approval.target))),
        targets=[ref.name for ref in plan.refs] if plan is not None else [],
        requests=masked_values(plan.to_json()["steps"]) if plan is not None else [],
        may_sign=_may_sign(services, approval, given),
    )


def event_view(row: TimelineEvent) -> EventView:
    """Return an event of the timeline; secrets are masked."""
    assert row.seq is not None
    return EventView(
        seq=row.seq,
        at=row.at,
        type=row.type,
        status=row.status.value,
        title=masked(row.title),
        description=masked(row.description),
        actor=row.actor,
        actor_role=row.actor_role,
    )


def _may_sign(services: Services, approval: Approval, given: list[str]) -> list[str]:
    if approval.status is not ApprovalStatus.PENDING:
        return []
    return list(who_may_still_sign(services, approval, given=given))
