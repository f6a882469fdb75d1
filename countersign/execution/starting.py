"""Whether somebody may start an approval by hand: the same for the page and the API."""

from countersign.errors import InvalidInput, NotApproved
from countersign.records.database.identifiers import short_id
from countersign.records.states import ApprovalStatus, RiskLevel
from countersign.records.tables import Approval
from countersign.texts import text


def require_startable(approval: Approval, *, dry_run: bool, confirmed: str = "", language: str | None = None) -> None:
    """Raise NotApproved unless it is approved: a run of another one, dry or not, could only end as refused.

    What is of critical risk is named once more by whoever starts it: InvalidInput unless `confirmed` is its short id.
    """
    if approval.status is not ApprovalStatus.APPROVED:
        raise NotApproved(
            text("message.not_claimable", language=language, status=approval.status),
            hint=text("hint.not_claimable", language=language),
        )
    short = short_id(approval.id)
    if not dry_run and approval.risk_level is RiskLevel.CRITICAL and confirmed.strip().lower() != short:
        raise InvalidInput(f"confirm: {text('approval_page.name_it', language=language, id=short)}")
