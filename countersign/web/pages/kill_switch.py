"""The kill switch: what it stops, what it does not, who turned it, and turning it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput
from countersign.records.control import kill_switch, set_kill_switch, switch_changes
from countersign.records.database.engine import transaction
from countersign.records.queries import open_by_status
from countersign.texts import text
from countersign.web.acting import Acting
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)


@router.get("/kill-switch")
def show(request: Request, acting: Acting) -> Response:
    """Show the switch, and what turning it would do."""
    with transaction(acting.services.engine) as session:
        return page(
            request,
            acting,
            "kill_switch/page.html",
            switch=kill_switch(session),
            changes=switch_changes(session),
            counts={status.value: count for status, count in open_by_status(session).items()},
            by_policy=acting.services.policy.kill_switch,
        )


@router.post("/kill-switch")
def turn(
    request: Request,
    acting: Acting,
    on: Annotated[bool, Form()],
    reason: Annotated[str, Form()] = "",
    understood: Annotated[str, Form()] = "",
) -> Response:
    """Turn it. The consequence has to be confirmed, and the reason stays on record."""
    if not understood:
        raise InvalidInput(text("kill_switch_page.not_confirmed", language=viewer_of(request).language))
    with transaction(acting.services.engine) as session:
        set_kill_switch(session, on, by=acting.identity.name, reason=reason)
    return RedirectResponse("/kill-switch", status_code=303)
