"""The queue: approvals, newest first, by status, and the one that a search names."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput
from countersign.execution.filing import placed, reading_of
from countersign.execution.scope import scope_of
from countersign.execution.wording import to_do
from countersign.policy.roles import Permission
from countersign.records.approval_lists import Standing, standings
from countersign.records.approvals import Position, list_approvals
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.web.acting import Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, approval_named
from countersign.web.pages.states import state_of
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)
ON_A_PAGE: Final = 50


@router.get("/approvals")
def queue(request: Request, acting: Person, status: str = "", before: str = "", id: str = "") -> Response:
    """List approvals. `id` goes to the one that it names; `before` is where the page above ended.

    What the reader's roles do not reach is left out, so a page may be short.
    """
    acting.require(Permission.READ, None)
    with acting.records() as session:
        if id.strip():
            return RedirectResponse(f"/approvals/{approval_named(session, id)}", status_code=303)
        wanted = _status(status)
        found = list_approvals(session, status=wanted, before=_position(before), limit=ON_A_PAGE)
        seen = [each for each in found.items if acting.may(Permission.READ, scope_of(each))]
        rows = rows_of(session, seen, language=viewer_of(request).language)
    return page(
        request,
        acting,
        "queue/page.html",
        rows=rows,
        status=wanted.value if wanted else "",
        statuses=[each.value for each in ApprovalStatus],
        before=before,
        next=_written(found.next) if found.next else "",
    )


def rows_of(session: Session, approvals: Any, *, language: str) -> list[dict[str, Any]]:
    """Return what a list shows of each approval."""
    known = standings(session, [approval.id for approval in approvals])
    return [row_of(approval, known[approval.id], language=language) for approval in approvals]


def row_of(approval: Approval, standing: Standing, *, language: str) -> dict[str, Any]:
    """Return what a list shows of one approval."""
    reading = placed(reading_of(approval.action), approval.target)
    return {
        "approval": approval,
        "state": state_of(approval, standing, language),
        "title": to_do(reading, language=language),
        "place": reading.get("host") or reading.get("cluster") or "",
        "given": standing.given,
    }


def _status(given: str) -> ApprovalStatus | None:
    if not given:
        return None
    try:
        return ApprovalStatus(given)
    except ValueError:
        raise InvalidInput(f"status: {given!r} is not one of {', '.join(ApprovalStatus)}") from None


def _position(given: str) -> Position | None:
    if not given:
        return None
    moment, _, identifier = given.partition("~")
    try:
        return Position(datetime.fromisoformat(moment), UUID(identifier))
    except ValueError:
        raise InvalidInput(f"before: {given!r} is no place in the list", hint="follow the links") from None


def _written(position: Position) -> str:
    return f"{position.created_at.isoformat()}~{position.id}"
