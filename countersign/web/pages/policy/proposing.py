"""Proposing the next version of the policy: its text, what it would change, and why."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import ChangedSince, ConfigurationError
from countersign.execution.policy import change
from countersign.execution.policy.difference import Named, difference, text_in_force, version_named
from countersign.policy.loading import load_policy
from countersign.policy.roles import Permission
from countersign.policy.versions import document_hash, require_workable
from countersign.records.policy_versions import lock_versions
from countersign.records.tables.policy import DOCUMENT_LIMIT, REASON_LIMIT
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of
from countersign.web.problem import status_of

router = APIRouter(prefix="/policy", route_class=PageRoute)


@router.get("/propose")
def form(request: Request, acting: Person, like: int | None = None) -> Response:
    """Show the text in force, or that of the version `like`, to be changed."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    with acting.records() as session:
        found = text_in_force(session) if like is None else version_named(session, like)
    return _form(request, acting, found.document, reason="")


@router.post("/propose")
def propose(
    request: Request,
    acting: Person,
    document: Annotated[str, Form(max_length=DOCUMENT_LIMIT)],
    reason: Annotated[str, Form(max_length=REASON_LIMIT)],
    checked: Annotated[str, Form()] = "",
) -> Response:
    """Put the text on record as the next version, once it was shown what it would change; before that show it.

    `checked` names what was shown: the text, and the version after which it would come.
    """
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    # A form sends every line with both characters (HTML, 4.10.22.7).
    document = document.replace("\r\n", "\n")
    try:
        require_workable(load_policy(document, source="policy"), source="policy")
    except ConfigurationError as error:
        return _form(request, acting, document, reason=reason, problem=error)
    if not checked:
        return _form(request, acting, document, reason=reason, shown=True)
    with acting.records() as session:
        if checked != _mark(acting, document):
            raise ChangedSince(text("policy_page.changed", language=viewer_of(request).language))
        made = change.propose(session, document, author=acting.identity.name, reason=reason)
    return RedirectResponse(f"/policy/{made.number}", status_code=303)


def _form(
    request: Request,
    acting: Acting,
    document: str,
    *,
    reason: str,
    shown: bool = False,
    problem: ConfigurationError | None = None,
) -> Response:
    with acting.records() as session:
        now = text_in_force(session)
    return page(
        request,
        acting,
        "policy/propose.html",
        status_code=200 if problem is None else status_of(type(problem)),
        document=document,
        reason=reason,
        limit=REASON_LIMIT,
        problem=problem,
        shown=shown,
        changes=difference(now, Named(text("policy_page.next", language=viewer_of(request).language), document)),
        checked=_mark(acting, document) if shown else "",
    )


def _mark(acting: Acting, document: str) -> str:
    with acting.records() as session:
        last = lock_versions(session)
    return f"{last.hash if last is not None else ''}:{document_hash(document)}"
