"""Knowledge: cases that executions left and people wrote, found by their words."""

import re
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from countersign.policy.roles import Permission
from countersign.records.knowledge import QUERY_LIMIT, get_entry, search
from countersign.web.acting import Person
from countersign.web.api.knowledge import within_reach
from countersign.web.api.reach import reachable_execution
from countersign.web.pages.rendering import page, shown
from countersign.web.pages.routing import PageRoute

router = APIRouter(prefix="/knowledge", route_class=PageRoute)
SHOWN: Final = 30
_FOUND: Final = re.compile("«(.*?)»")


@router.get("")
def find(request: Request, acting: Person, q: str = "") -> Response:
    """Find cases, the best first; without words the newest."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        found = within_reach(session, acting, search(session, q[:QUERY_LIMIT], limit=SHOWN))
    cases = [{"found": each, "excerpt": marked(each.excerpt)} for each in found]
    return page(request, acting, "knowledge/list.html", q=q, cases=cases)


@router.get("/{entry_id}")
def show(request: Request, acting: Person, entry_id: UUID) -> Response:
    """Show a case."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        entry = get_entry(session, entry_id)
        approval = None
        if entry.execution_id is not None:
            approval = reachable_execution(session, acting, entry.execution_id, Permission.READ).approval_id
        else:
            acting.require(Permission.READ)
    return page(request, acting, "knowledge/page.html", entry=entry, approval_id=approval)


def marked(excerpt: str) -> Markup:
    """Return an excerpt on one line with what was found in it as marks; everything else is text."""
    line = " ".join(excerpt.replace("**", "").split())
    return Markup(_FOUND.sub(r"<mark>\1</mark>", str(escape(shown(line)))))  # noqa: S704 - escaped just before
