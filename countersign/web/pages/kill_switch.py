"""The kill switch: what it stops, what it does not, who turned it, and turning it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.control import kill_switch, set_kill_switch, switch_changes
from countersign.records.queries import open_by_status
from countersign.texts import text
from countersign.web.acting import Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)


@router.get("/kill-switch")
def show(request: Request, acting: Person) -> Response:
    """Show the switch, and what turning it would do."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        switch = kill_switch(session)
        return page(
            request,
            acting,
            "kill_switch/page.html",
            switch=switch,
            changes=switch_changes(session),
            counts={status.value: count for status, count in open_by_status(session).items()},
            may_turn=acting.may(Permission.GOVERN if switch.is_on else Permission.OPERATE, EVERYTHING),
            by_policy=acting.services.policy.kill_switch,
        )


@router.post("/kill-switch")
def turn(
    request: Request,
    acting: Person,
    on: Annotated[bool, Form()],
    reason: Annotated[str, Form()] = "",
    understood: Annotated[str, Form()] = "",
) -> Response:
    """Turn it. The consequence has to be confirmed, and the reason stays on record."""
    acting.require(Permission.OPERATE if on else Permission.GOVERN)
    if not understood:
        raise InvalidInput(text("kill_switch_page.not_confirmed", language=viewer_of(request).language))
    with acting.records() as session:
        # A browser that lost the answer sends a form again.
        set_kill_switch(session, on, by=acting.identity.name, reason=reason, if_it_is_not=True)
    return RedirectResponse("/kill-switch", status_code=303)
