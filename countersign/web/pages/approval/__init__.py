"""One approval on one page: what exactly, why, who else, until when, what if it goes wrong, what happened."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import ChangedSince, InvalidInput, NotFound
from countersign.execution.explanation import explain
from countersign.execution.filing import signed_content
from countersign.execution.manual_settlement import settle_by_hand
from countersign.execution.starting import require_startable
from countersign.execution.withdrawal import withdraw
from countersign.policy.passkeys import LONGEST
from countersign.policy.roles import Permission
from countersign.policy.signatures import Decision
from countersign.records.dead_letters import get_letter, replay_letters
from countersign.records.outcomes import Outcome
from countersign.records.queries import get_execution
from countersign.records.tables import Approval
from countersign.texts import read_in, text
from countersign.web.acting import Person
from countersign.web.pages.approval.by_passkey import sign_by_passkey
from countersign.web.pages.approval.outlook import outlook_values
from countersign.web.pages.approval.record import told
from countersign.web.pages.approval.view import page_values
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, reachable
from countersign.web.pages.viewer import viewer_of
from countersign.web.target_limits import asking_a_target
from countersign.worker.run_starter import start_by_hand

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
    with asking_a_target(request, acting), read_in(viewer_of(request).language):
        values = outlook_values(explain(acting.services, approval), approval)
    return page(request, acting, "approval/now.html", part="approval/outlook.html", **values)


@router.post("/{name}/sign")
def sign(
    request: Request,
    acting: Person,
    name: str,
    *,
    decision: Annotated[Literal["approve", "reject"], Form()],
    credential: Annotated[str, Form(max_length=LONGEST)],
    shown: Annotated[str, Form()] = "",
    comment: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Put the signature on record that one's passkey has made of what the page shows."""
    language = viewer_of(request).language
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.DECIDE)
        _require_shown(approval, shown, language)
        sign_by_passkey(session, acting, approval, Decision(decision), credential, comment=comment, language=language)
    return RedirectResponse(f"/approvals/{approval.id}", status_code=303)


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


@router.post("/{name}/start")
def start(
    request: Request,
    acting: Person,
    name: str,
    *,
    dry_run: Annotated[bool, Form()] = False,
    shown: Annotated[str, Form()] = "",
    confirmed: Annotated[str, Form()] = "",
) -> Response:
    """Start what is approved, or a dry run. What is of critical risk is named once more by whoever starts it."""
    language = viewer_of(request).language
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.EXECUTE)
        _require_shown(approval, shown, language)
    require_startable(approval, dry_run=dry_run, confirmed=confirmed, language=language)
    # Pressed twice it starts one run; put off meanwhile, it has another state and may be started again.
    key = None if dry_run else f"page:{acting.identity.key}:{approval.id}:{approval.updated_at.isoformat()}"
    start_by_hand(acting.engine, approval.id, dry_run=dry_run, by=acting.identity.name, key=key)
    return RedirectResponse(f"/approvals/{approval.id}", status_code=303)


@router.post("/{name}/found-out")
def found_out(
    acting: Person,
    name: str,
    execution: Annotated[UUID, Form()],
    outcome: Annotated[Literal["success", "failed"], Form()],
    reason: Annotated[str, Form()],
) -> Response:
    """Settle an unknown outcome, as somebody who has looked at the target."""
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.OPERATE)
        if get_execution(session, execution).approval_id != approval.id:
            raise NotFound(f"approval {approval.id} has no execution {execution}")
        if not reason.strip():
            raise InvalidInput("reason: must not be empty")
        settle_by_hand(session, execution, outcome=Outcome(outcome), reason=reason, by=acting.identity.name)
    return RedirectResponse(f"/approvals/{approval.id}", status_code=303)


@router.post("/{name}/letters/{letter}/replay")
def replay(acting: Person, name: str, letter: UUID) -> Response:
    """Let a step that gave up begin again with all its attempts."""
    with acting.records() as session:
        approval = reachable(session, acting, name, Permission.OPERATE)
        if get_execution(session, get_letter(session, letter).execution_id).approval_id != approval.id:
            raise NotFound(f"approval {approval.id} has no dead letter {letter}")
        replay_letters(session, [letter])
    return RedirectResponse(f"/approvals/{approval.id}#steps", status_code=303)


def _require_shown(approval: Approval, shown: str, language: str) -> None:
    """Refuse to act on what is not what the reader saw."""
    if shown != signed_content(approval).hash:
        raise ChangedSince(text("approval_page.changed_since", language=language))
