"""One approval on one page: what exactly, why, who else, until when, what if it goes wrong, what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import ChangedSince
from countersign.execution.explanation import explain
from countersign.execution.filing import signed_content
from countersign.execution.withdrawal import withdraw
from countersign.policy.roles import Permission
from countersign.records.dead_letters import replay_letters
from countersign.records.tables import Approval
from countersign.texts import text
from countersign.web.acting import Person
from countersign.web.pages.approval.outlook import outlook_values
from countersign.web.pages.approval.record import told
from countersign.web.pages.approval.view import page_values
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, reachable
from countersign.web.pages.viewer import viewer_of

router = APIRouter(prefix="/approvals", route_class=PageRoute)


@router.get("/{name}")
def show(request: Request, acting: Person, name: str, shown: str = "") -> Response:
    """Show an approval. `shown` is the hash that a reader has seen before."""
    with acting.records() as session:
        found = told(session, reachable(session, acting, name, Permission.READ).id)
    values = page_values(acting, found, language=viewer_of(request).language)
    return page(request, acting, "approval/page.html", seen_hash=shown, **values)


@router.get("/{name}/now")
def now(request: Request, acting: Person, name: str) -> Response:
    """Say whether it would run now and what it would send. Asks the target, so the page loads it by itself."""
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.READ)
    values = outlook_values(explain(acting.services, approval), approval)
    return page(request, acting, "approval/now.html", part="approval/outlook.html", **values)


@router.post("/{name}/withdraw")
def take_back(
    request: Request,
    acting: Person,
    name: str,
    reason: Annotated[str, Form()] = "",
    shown: Annotated[str, Form()] = "",
) -> Response:
    """Withdraw a request of one's own that nobody has started."""
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.REQUEST)
        _require_shown(approval, shown, viewer_of(request).language)
        withdraw(session, approval, acting=acting.identity, reason=reason)
    return RedirectResponse(f"/approvals/{approval.id}", status_code=303)


@router.post("/{name}/letters/{letter}/replay")
def replay(acting: Person, name: str, letter: UUID) -> Response:
    """Let a step that gave up begin again with all its attempts."""
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.OPERATE)
        replay_letters(session, [letter])
    return RedirectResponse(f"/approvals/{approval.id}#steps", status_code=303)


def _require_shown(approval: Approval, shown: str, language: str) -> None:
    """Refuse to act on what is not what the reader saw."""
    if shown != signed_content(approval).hash:
        raise ChangedSince(text("approval_page.changed_since", language=language))
