"""One approval on one page: what exactly, why, who else, until when, what if it goes wrong, what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput, Tampered
from countersign.execution.explanation import explain
from countersign.execution.filing import signed_content
from countersign.policy.names import identity
from countersign.records.approvals import cancel_approval, get_approval
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import replay_letters
from countersign.records.tables import Approval
from countersign.texts import text
from countersign.web.acting import Acting
from countersign.web.pages.approval.outlook import outlook_values
from countersign.web.pages.approval.record import told
from countersign.web.pages.approval.view import page_values
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, approval_named
from countersign.web.pages.viewer import viewer_of

router = APIRouter(prefix="/approvals", route_class=PageRoute)


@router.get("/{name}")
def show(request: Request, acting: Acting, name: str, shown: str = "") -> Response:
    """Show an approval. `shown` is the hash that a reader has seen before."""
    with transaction(acting.services.engine) as session:
        found = told(session, approval_named(session, name))
    values = page_values(acting.services, found, who=acting.identity.name, language=viewer_of(request).language)
    return page(request, acting, "approval/page.html", seen_hash=shown, **values)


@router.get("/{name}/now")
def now(request: Request, acting: Acting, name: str) -> Response:
    """Say whether it would run now and what it would send. Asks the target, so the page loads it by itself."""
    with transaction(acting.services.engine) as session:
        approval = get_approval(session, approval_named(session, name))
    values = outlook_values(explain(acting.services, approval), approval)
    return page(request, acting, "approval/now.html", part="approval/outlook.html", **values)


@router.post("/{name}/withdraw")
def withdraw(
    request: Request,
    acting: Acting,
    name: str,
    reason: Annotated[str, Form()] = "",
    shown: Annotated[str, Form()] = "",
) -> Response:
    """Withdraw a request of one's own that nobody has started."""
    language = viewer_of(request).language
    with transaction(acting.services.engine) as session:
        approval = get_approval(session, approval_named(session, name))
        if identity(approval.requested_by) != identity(acting.identity.name):
            raise InvalidInput(text("approval_page.not_yours", language=language, who=approval.requested_by))
        _require_shown(approval, shown, language)
        cancel_approval(session, approval.id, by=acting.identity.name, reason=reason)
    return RedirectResponse(f"/approvals/{approval.id}", status_code=303)


@router.post("/{name}/letters/{letter}/replay")
def replay(acting: Acting, name: str, letter: UUID) -> Response:
    """Let a step that gave up begin again with all its attempts."""
    with transaction(acting.services.engine) as session:
        approval_id = approval_named(session, name)
        replay_letters(session, [letter])
    return RedirectResponse(f"/approvals/{approval_id}#steps", status_code=303)


def _require_shown(approval: Approval, shown: str, language: str) -> None:
    """Refuse to act on what is not what the reader saw."""
    if shown and shown != signed_content(approval).hash:
        raise Tampered(text("approval_page.changed_since", language=language))
