"""A page of approvals with what became of each, read by one statement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, func, literal_column, select, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from countersign.records.approvals import LARGEST_PAGE, Position
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Decision, EvidencePhase, Verdict
from countersign.records.tables import Approval, EvidenceSnapshot, Execution, Signature

LOOKED_AT = 10_000
"""Of how many requests, the newest, a page is chosen: by outcome or requester nothing is in order."""

# Of what ended last, the newest first (ix_execution_settled_at). What waits again has not ended.
LATELY = text("""
    SELECT approval_id FROM execution
    WHERE settled_at IS NOT NULL AND NOT dry_run AND rolls_back IS NULL AND outcome <> 'postponed'
    ORDER BY settled_at DESC LIMIT :limit
""")


@dataclass(frozen=True, kw_only=True)
class Only:
    """Which requests are listed; all of them where nothing is said."""

    status: ApprovalStatus | None = None
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    requester: str | None = None
    """In whatever case."""
    since: datetime | None = None
    """Filed then or later."""


@dataclass(frozen=True)
class ApprovalRow:
    """One request, and what became of it."""

    approval: Approval
    given: int
    """Signatures that say yes."""
    outcome: Outcome | None
    verdict: Verdict | None
    rolled_back: bool


def approval_rows(
    session: Session, only: Only | None = None, *, before: Position | None = None, limit: int = 50
) -> Sequence[ApprovalRow]:
    """Return requests, newest first, at most 500, from before a position, out of the newest 10,000 there."""
    only = only or Only()
    newest = select(Approval)
    if only.status is not None:
        newest = newest.where(col(Approval.status) == only.status)
    if only.since is not None:
        newest = newest.where(col(Approval.created_at) >= only.since)
    if before is not None:
        # A row comparison is one range of the index; spelled as OR it would be a filter.
        newest = newest.where(text("(approval.created_at, approval.id) < (:before_at, :before_id)")).params(
            before_at=before.created_at, before_id=before.id
        )
    newest = newest.order_by(col(Approval.created_at).desc(), col(Approval.id).desc())
    return _rows(session, newest.limit(literal_column(str(LOOKED_AT))), only, limit=limit)


def rows_with(session: Session, approval_ids: Collection[UUID]) -> Mapping[UUID, ApprovalRow]:
    """Return these requests with what became of each, as far as they are there; at most 500."""
    chosen = select(Approval).where(col(Approval.id).in_(list(approval_ids)))
    return {row.approval.id: row for row in _rows(session, chosen, Only(), limit=LARGEST_PAGE)}


def ended_lately(session: Session, *, limit: int = 5) -> Sequence[UUID]:
    """Return the requests that were executed last, the newest first."""
    return list(session.execute(LATELY, {"limit": limit}).scalars())


def _rows(session: Session, chosen: Select[Approval], only: Only, *, limit: int) -> Sequence[ApprovalRow]:
    looked_at = chosen.subquery("newest")
    wanted, back = aliased(Approval, looked_at), aliased(Execution, name="back")
    given = (
        select(func.count())
        .where(col(Signature.approval_id) == col(wanted.id), col(Signature.decision) == Decision.APPROVE)
        .scalar_subquery()
    )
    # The conditions are those of partial indexes.
    performed = and_(
        col(Execution.approval_id) == col(wanted.id),
        text("NOT execution.dry_run AND execution.rolls_back IS NULL"),
        text("execution.outcome IS DISTINCT FROM 'postponed'"),
    )
    after = and_(
        col(EvidenceSnapshot.execution_id) == col(Execution.id), col(EvidenceSnapshot.phase) == EvidencePhase.AFTER
    )
    taken_back = and_(col(back.rolls_back) == col(Execution.id), text("back.rolls_back IS NOT NULL"))
    query = (
        select(wanted, given, col(Execution.outcome), col(EvidenceSnapshot.verdict), col(back.outcome))
        .select_from(wanted)
        .outerjoin(Execution, performed)
        .outerjoin(EvidenceSnapshot, after)
        .outerjoin(back, taken_back)
    )
    if only.outcome is not None:
        query = query.where(col(Execution.outcome) == only.outcome)
    if only.verdict is not None:
        query = query.where(col(EvidenceSnapshot.verdict) == only.verdict)
    if only.requester is not None:
        query = query.where(func.lower(col(wanted.requested_by)) == only.requester.lower())
    query = query.order_by(col(wanted.created_at).desc(), col(wanted.id).desc())
    query = query.limit(max(1, min(limit, LARGEST_PAGE))).execution_options(populate_existing=True)
    return [
        ApprovalRow(approval, count, outcome, verdict, rolled_back is not None and rolled_back.is_success)
        for approval, count, outcome, verdict, rolled_back in session.execute(query)
    ]
