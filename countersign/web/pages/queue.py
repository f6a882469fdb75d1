"""The queue: approvals, newest first, with filters that are links, and the one that a search names."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput
from countersign.execution.filing import placed, reading_of
from countersign.execution.scope import scope_of
from countersign.execution.wording import to_do
from countersign.policy.roles import Permission
from countersign.records.approval_list import ApprovalRow, approval_rows
from countersign.records.approvals import Position
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Verdict
from countersign.records.tables import Approval
from countersign.records.timeline import newest_event
from countersign.web.acting import Acting, Person
from countersign.web.pages.queue_filters import only_those
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, approval_named
from countersign.web.pages.saved_views import LONGEST_NAME, views_of
from countersign.web.pages.states import state_of
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)
ON_A_PAGE: Final = 50


@router.get("/approvals")
def queue(
    request: Request,
    acting: Person,
    *,
    status: str = "",
    outcome: str = "",
    verdict: str = "",
    by: str = "",
    before: str = "",
    id: str = "",
) -> Response:
    """List approvals. `id` goes to the one that it names; `before` is where the page above ended.

    What the reader's roles do not reach is left out, so a page may be short.
    """
    acting.require(Permission.READ, None)
    only = only_those(status=status, outcome=outcome, verdict=verdict, by=by)
    with acting.records() as session:
        if id.strip():
            return RedirectResponse(f"/approvals/{approval_named(session, acting, id)}", status_code=303)
        newest = newest_event(session)
        found = approval_rows(session, only, before=position(before), limit=ON_A_PAGE + 1)
    chosen = {"status": status, "outcome": outcome, "verdict": verdict, "by": by}
    views = views_of(request, acting)
    items, more = found[:ON_A_PAGE], len(found) > ON_A_PAGE
    return page(
        request,
        acting,
        "queue/page.html",
        may_file=acting.may(Permission.REQUEST),
        rows=rows_shown(acting, items, language=viewer_of(request).language),
        chosen=chosen,
        views=views,
        view=next((each for each in views if each.filters == chosen), None),
        longest_name=LONGEST_NAME,
        newest=newest,
        filters=_filters(acting.identity.name),
        before=before,
        next=_written(items[-1].approval) if more else "",
    )


def fingerprint(row: ApprovalRow) -> str:
    """Return a text that is another one whenever a list shows something else of the approval."""
    approval = row.approval
    said = (
        approval.id,
        approval.status,
        row.given,
        row.outcome,
        row.verdict,
        row.rolled_back,
        approval.waiting_until,
    )
    return "|".join(map(str, said))


def rows_shown(acting: Acting, rows: Iterable[ApprovalRow], *, language: str) -> list[dict[str, Any]]:
    """Return what a list shows of each approval that the reader's roles reach."""
    return [row_shown(row, language=language) for row in rows if acting.may(Permission.READ, scope_of(row.approval))]


def row_shown(row: ApprovalRow, *, language: str) -> dict[str, Any]:
    """Return what a list shows of one approval."""
    reading = placed(reading_of(row.approval.action), row.approval.target)
    return {
        "approval": row.approval,
        "state": state_of(row, language),
        "title": to_do(reading, language=language),
        "place": reading.get("host") or reading.get("cluster") or "",
        "given": row.given,
    }


def _filters(who: str) -> list[list[tuple[str, str, str]]]:
    """Return the filters that are offered, in groups: parameter, value and the key of its text."""
    return [
        [("status", each.value, f"approval_status.{each}") for each in ApprovalStatus],
        [("outcome", each.value, f"outcome.{each}") for each in (Outcome.UNKNOWN, Outcome.BLOCKED)]
        + [
            ("verdict", each.value, f"verdict.{each}")
            for each in (Verdict.EFFECTIVE, Verdict.INEFFECTIVE, Verdict.WORSE)
        ],
        [("by", who, "queue.mine")],
    ]


def position(given: str) -> Position | None:
    """Return the place in the list that an address names. Raises InvalidInput."""
    if not given:
        return None
    moment, _, identifier = given.partition("~")
    try:
        return Position(datetime.fromisoformat(moment), UUID(identifier))
    except ValueError:
        raise InvalidInput(f"before: {given!r} is no place in the list", hint="follow the links") from None


def _written(last: Approval) -> str:
    return f"{last.created_at.isoformat()}~{last.id}"
