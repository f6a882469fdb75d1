"""What needs a person now, in order, each with its age and the one thing to do; what runs, and what was last."""

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from countersign.execution.attention import Need, NeedsAttention, needs_attention
from countersign.execution.scope import policy_for, scope_of
from countersign.policy.approval import may_still_sign
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission
from countersign.records.approval_list import Only, approval_rows, ended_lately, rows_with
from countersign.records.approvals import signatures_of
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.web.acting import Acting, Person
from countersign.web.pages.queue import rows_shown
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
    language = viewer_of(request).language
    with acting.records() as session:
        attention = needs_attention(session, language=language)
        ended = ended_lately(session)
        about = {each.approval_id for each in attention.items if each.approval_id is not None}
        known = rows_with(session, {*ended, *about})
        seen = {key: row for key, row in known.items() if acting.may(Permission.READ, scope_of(row.approval))}
        shown = [
            _item(session, acting, each, seen[each.approval_id].approval if each.approval_id else None)
            for each in attention.items
            if each.approval_id is None or each.approval_id in seen
        ]
        running = approval_rows(session, Only(status=ApprovalStatus.EXECUTING), limit=RUNNING_SHOWN)
    return page(
        request,
        acting,
        "now/page.html",
        mine=[each for each in shown if each["mine"]],
        others=[each for each in shown if not each["mine"]],
        more=attention.more,
        running=rows_shown(acting, running, language=language),
        last=rows_shown(acting, [seen[key] for key in ended if key in seen], language=language),
    )


def _item(session: Session, acting: Acting, found: NeedsAttention, approval: Approval | None) -> dict[str, Any]:
    return {
        "found": found,
        "tone": TONES[found.need],
        "address": PLACES.get(found.need) or (f"/approvals/{found.approval_id}" if found.approval_id else ""),
        "mine": found.need is Need.SIGNATURES and approval is not None and _may_sign(session, acting, approval),
    }


def _may_sign(session: Session, acting: Acting, approval: Approval) -> bool:
    policy, risk = policy_for(acting.services, approval), RiskLevel(approval.risk_level)
    given = [row.signer for row in signatures_of(session, approval.id)]
    return any(map(acting.identity.is_named, may_still_sign(policy, risk, approval.requested_by, given=given)))
