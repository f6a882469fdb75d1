"""Filing a request: what is wanted in one line, why, and how much may go wrong.

What the line reads to is shown before it is kept; one that cannot be read is refused while its writer can mend it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import CountersignError
from countersign.execution.filing import Request as Wanted
from countersign.execution.filing import file_at, reading_of, require_readable
from countersign.execution.wording import to_do
from countersign.policy.roles import Permission
from countersign.records.states import RiskLevel, Start, WhenBlocked
from countersign.web.acting import Acting, Person
from countersign.web.api.reach import require_incident_in_reach
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of
from countersign.web.problem import status_of
from countersign.web.sealed_cookies import random_text

router = APIRouter(route_class=PageRoute)
HOURS: Final = ("", "1", "4", "24", "168")
"""After how many hours it may expire; empty is never."""


@router.get("/file")
def form(request: Request, acting: Person, action: str = "", incident: str = "") -> Response:
    """Show the form."""
    acting.require(Permission.REQUEST, None)
    return _form(
        request, acting, {"action": action, "incident": incident, "risk": "medium", "start": "when_approved"}
    )


@router.post("/file")
def file(
    request: Request,
    acting: Person,
    *,
    action: Annotated[str, Form()],
    description: Annotated[str, Form()] = "",
    risk: Annotated[str, Form()] = "medium",
    cluster: Annotated[str, Form()] = "",
    incident: Annotated[str, Form()] = "",
    hours: Annotated[str, Form()] = "",
    start: Annotated[str, Form()] = "when_approved",
    when_blocked: Annotated[str, Form()] = "end",
    checked: Annotated[str, Form()] = "",
    once: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """File what was read, once it was shown how it reads; before that show it."""
    acting.require(Permission.REQUEST, None)
    given = {
        "action": action,
        "description": description,
        "risk": risk,
        "cluster": cluster,
        "incident": incident,
        "hours": hours,
        "start": start,
        "when_blocked": when_blocked,
        "once": once or random_text(),
    }
    try:
        require_readable(action)
        if checked != action:
            reading = reading_of(action)
            meaning = to_do(reading, language=viewer_of(request).language)
            return _form(request, acting, given, reading=reading, meaning=meaning)
        approval = _filed(acting, given)
    except CountersignError as error:
        return _form(request, acting, given, problem=error)
    return RedirectResponse(f"/approvals/{approval}", status_code=303)


def _filed(acting: Acting, given: Mapping[str, str]) -> Any:
    # To the minute, so that the same form is the same request.
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    wanted = Wanted(
        action=given["action"],
        requested_by=acting.identity.name,
        description=given["description"].replace("\r\n", "\n"),
        risk_level=given["risk"],
        incident_id=given["incident"].strip() or None,
        cluster=given["cluster"] or None,
        start=given["start"],
        when_blocked=given["when_blocked"],
        expires_at=now + timedelta(hours=int(given["hours"])) if given["hours"] in HOURS[1:] else None,
        # Pressed twice it files one.
        idempotency_key=f"page {acting.identity.key} {given['once']}",
    )
    permit = partial(acting.require, Permission.REQUEST)
    with acting.records() as session:
        approval = file_at(session, acting.services, wanted, permit=permit).approval
        require_incident_in_reach(session, acting, approval.incident_id)
        return approval.id


def _form(request: Request, acting: Acting, given: Mapping[str, str], **found: Any) -> Response:
    problem = found.get("problem")
    known = {"problem": None, "reading": None, "meaning": "", **found}
    return page(
        request,
        acting,
        "filing/page.html",
        status_code=status_of(type(problem)) if problem is not None else 200,
        given=dict.fromkeys(("description", "cluster", "hours", "when_blocked"), "") | dict(given),
        risks=[each.value for each in RiskLevel],
        starts=[each.value for each in Start],
        blocks=[each.value for each in WhenBlocked],
        clusters=acting.services.clusters.names,
        hours=HOURS,
        **known,
    )
