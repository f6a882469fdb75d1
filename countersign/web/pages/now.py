"""What needs a person now, in order, each with its age and the one thing to do; what runs, and what was last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from countersign.canonical import sha256_of
from countersign.execution.attention import Attention, Need, NeedsAttention, needs_attention
from countersign.execution.decisions import who_may_still_sign
from countersign.execution.scope import scope_of
from countersign.policy.roles import Permission
from countersign.records.approval_list import ApprovalRow, Only, approval_rows, ended_lately, rows_with
from countersign.records.approvals import signatures_of
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.web.acting import Acting, Person
from countersign.web.api.reach import needs_in_reach
from countersign.web.pages.queue import fingerprint, rows_shown
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)
RUNNING_SHOWN: Final = 10
TONES: Final = {
    Need.KILL_SWITCH: "stop",
    Need.BREAK_GLASS: "bad",
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
PLACES: Final = {Need.KILL_SWITCH: "/kill-switch", Need.BREAK_GLASS: "/break-glass", Need.POLICY: "/policy"}
"""Where the things are that are about no approval."""


@dataclass(frozen=True)
class Gathered:
    """What is read for the page, whoever looks."""

    attention: Attention
    rows: Mapping[UUID, ApprovalRow]
    signers: Mapping[UUID, Sequence[str]]
    """Who has decided, of those that are to be signed."""
    running: Sequence[ApprovalRow]
    last: Sequence[UUID]

    @property
    def state(self) -> str:
        """A text that is another one whenever something is."""
        needs = [[each.need.value, each.subject, each.what, each.why] for each in self.attention.items]
        rows = [fingerprint(row) for row in (*self.rows.values(), *self.running)]
        return sha256_of([needs, rows, [str(each) for each in self.last]])[:16]


@router.get("/")
def now(request: Request, acting: Person) -> Response:
    """Show what needs a person."""
    acting.require(Permission.READ, None)
    language = viewer_of(request).language
    with acting.records() as session:
        found = gather(session, language=language)
    return page(
        request, acting, "now/page.html", live_state=found.state, **shown_to(acting, found, language=language)
    )


def gather(session: Session, *, language: str) -> Gathered:
    """Read what needs a person, what runs and what was last."""
    attention = needs_attention(session, language=language)
    last = ended_lately(session)
    about = {each.approval_id for each in attention.items if each.approval_id is not None}
    return Gathered(
        attention=attention,
        rows=rows_with(session, {*last, *about}),
        signers={
            each.approval_id: [row.signer for row in signatures_of(session, each.approval_id)]
            for each in attention.items
            if each.need is Need.SIGNATURES and each.approval_id is not None
        },
        running=approval_rows(session, Only(status=ApprovalStatus.EXECUTING), limit=RUNNING_SHOWN),
        last=last,
    )


def shown_to(acting: Acting, found: Gathered, *, language: str) -> dict[str, Any]:
    """Return what the template shows of it to one person."""
    seen = {key: row for key, row in found.rows.items() if acting.may(Permission.READ, scope_of(row.approval))}
    items = [
        _item(acting, each, found, seen[each.approval_id].approval if each.approval_id else None)
        for each in needs_in_reach(acting, found.attention.items, {key: row.approval for key, row in seen.items()})
    ]
    return {
        "mine": [each for each in items if each["mine"]],
        "others": [each for each in items if not each["mine"]],
        "more": found.attention.more,
        "running": rows_shown(acting, found.running, language=language),
        "last": rows_shown(acting, [seen[key] for key in found.last if key in seen], language=language),
    }


def _item(acting: Acting, each: NeedsAttention, found: Gathered, approval: Approval | None) -> dict[str, Any]:
    to_sign = each.need is Need.SIGNATURES and approval is not None
    return {
        "found": each,
        "tone": TONES[each.need],
        "address": PLACES.get(each.need) or (f"/approvals/{each.approval_id}" if each.approval_id else ""),
        "mine": to_sign and approval is not None and _may_sign(acting, approval, found.signers[approval.id]),
    }


def _may_sign(acting: Acting, approval: Approval, given: Sequence[str]) -> bool:
    return any(map(acting.identity.is_named, who_may_still_sign(acting.services, approval, given=given)))
