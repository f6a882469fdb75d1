"""What needs a person now, in order, each with its age and the one thing to do; what runs, and what was last."""

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from countersign.execution.attention import Need, NeedsAttention, needs_attention
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.policy.approval import may_still_sign
from countersign.policy.names import identity
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission
from countersign.records.approval_lists import ended_lately
from countersign.records.approvals import get_approval, list_approvals, signatures_of
from countersign.records.states import ApprovalStatus
from countersign.web.acting import Person
from countersign.web.pages.queue import rows_of
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)
RUNNING_SHOWN: Final = 10
TONES: Final = {
    Need.KILL_SWITCH: "stop",
    Need.UNKNOWN: "unknown",
    Need.WORSE: "bad",
    Need.SILENT: "warn",
    Need.NOT_STARTED: "warn",
    Need.DEAD_LETTER: "warn",
    Need.OVERDUE_STEPS: "warn",
    Need.BLOCKED: "stop",
    Need.WAITING: "wait",
    Need.BY_HAND: "run",
    Need.SIGNATURES: "todo",
    Need.POLICY: "todo",
}
PLACES: Final = {Need.KILL_SWITCH: "/kill-switch", Need.POLICY: "/policy"}
"""Where the things are that are about no approval."""


@router.get("/")
def now(request: Request, acting: Person) -> Response:
    """Show what needs a person."""
    acting.require(Permission.READ, None)
    services, language = acting.services, viewer_of(request).language
    with acting.records() as session:
        attention = needs_attention(session, language=language)
        shown = [_item(session, services, each, who=acting.identity.name) for each in attention.items]
        running = list_approvals(session, status=ApprovalStatus.EXECUTING, limit=RUNNING_SHOWN)
        ended = ended_lately(session)
        last = [get_approval(session, approval_id) for approval_id in ended]
        return page(
            request,
            acting,
            "now/page.html",
            mine=[each for each in shown if each["mine"]],
            others=[each for each in shown if not each["mine"]],
            more=attention.more,
            running=rows_of(session, running.items, language=language),
            last=rows_of(session, last, language=language),
            ended=ended,
        )


def _item(session: Session, services: Services, found: NeedsAttention, *, who: str) -> dict[str, Any]:
    return {
        "found": found,
        "tone": TONES[found.need],
        "address": PLACES.get(found.need) or (f"/approvals/{found.approval_id}" if found.approval_id else ""),
        "mine": found.need is Need.SIGNATURES and _may_sign(session, services, found, who=who),
    }


def _may_sign(session: Session, services: Services, found: NeedsAttention, *, who: str) -> bool:
    assert found.approval_id is not None
    approval = get_approval(session, found.approval_id)
    policy, risk = policy_for(services, approval), RiskLevel(approval.risk_level)
    given = [row.signer for row in signatures_of(session, approval.id)]
    may = may_still_sign(policy, risk, approval.requested_by, given=given)
    return any(identity(name) == identity(who) for name in may)
