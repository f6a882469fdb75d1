"""Incidents: what fires, what was tried for it and what came of it, and where it stands."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from countersign.aftermath.incidents.working_memory import remember, working_memory
from countersign.errors import InvalidInput
from countersign.execution.scope import scope_of_signals
from countersign.policy.roles import Permission
from countersign.records.approval_list import rows_with
from countersign.records.incidents import get_incident, list_incidents, move_incident, resolve_incident
from countersign.records.knowledge import related
from countersign.records.places import Place
from countersign.records.queries import approvals_of_incident
from countersign.records.states import IncidentStatus
from countersign.records.tables import Incident
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.api.cursors import read_place, write_place
from countersign.web.api.knowledge import within_reach
from countersign.web.api.reach import events_reached, repairs_reached
from countersign.web.pages.queue import rows_shown
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(prefix="/incidents", route_class=PageRoute)
ON_A_PAGE: Final = 50
TRIED_SHOWN: Final = 50
MOVES: Final = (IncidentStatus.OPEN, IncidentStatus.INVESTIGATING, IncidentStatus.MITIGATING)
RESOLVED: Final = (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)
TONES: Final = {
    IncidentStatus.OPEN: "bad",
    IncidentStatus.INVESTIGATING: "warn",
    IncidentStatus.MITIGATING: "run",
    IncidentStatus.RESOLVED: "ok",
    IncidentStatus.CLOSED: "off",
}


@router.get("")
def list_(request: Request, acting: Person, *, status: str = "unresolved", before: str = "") -> Response:
    """List incidents, newest first: those that are not resolved unless another status is asked for."""
    acting.require(Permission.READ, None)
    wanted = None if status in ("unresolved", "all") else _status(status)
    with acting.records() as session:
        found = list_incidents(
            session,
            status=wanted,
            unresolved=status == "unresolved",
            before=read_place(before),
            limit=ON_A_PAGE + 1,
        )
    items, more = found[:ON_A_PAGE], len(found) > ON_A_PAGE
    return page(
        request,
        acting,
        "incidents/list.html",
        incidents=[row for row in items if acting.may(Permission.READ, scope_of_signals(row.signals))],
        tones=TONES,
        status=status,
        statuses=("unresolved", "all", *(each.value for each in IncidentStatus)),
        before=before,
        next=write_place(Place(items[-1].created_at, items[-1].id)) if more else "",
    )


@router.get("/{incident_id}")
def show(request: Request, acting: Person, incident_id: str) -> Response:
    """Show an incident with everything that was done for it."""
    with acting.records() as session:
        incident = _reachable(session, acting, incident_id, Permission.READ)
        tried = [each.id for each in approvals_of_incident(session, incident.id, limit=TRIED_SHOWN)]
        known = rows_with(session, tried)
        words = [str(incident.signals.get("alertname", "")), *incident.affected_services]
        return page(
            request,
            acting,
            "incidents/page.html",
            incident=incident,
            tones=TONES,
            moves=[each.value for each in MOVES if each is not incident.status],
            is_open=incident.status not in RESOLVED,
            may_file=acting.may(Permission.REQUEST),
            may_move=acting.may(Permission.OPERATE, scope_of_signals(incident.signals)),
            rows=rows_shown(acting, [known[each] for each in tried], language=viewer_of(request).language),
            repairs=repairs_reached(session, acting, incident.id),
            cases=within_reach(session, acting, related(session, words, incident_id=incident.id)),
            events=events_reached(session, acting, incident.id),
        )


@router.post("/{incident_id}/move")
def move(acting: Person, incident_id: str, status: Annotated[str, Form()]) -> Response:
    """Say where an unresolved incident stands."""
    with acting.records() as session:
        _reachable(session, acting, incident_id, Permission.OPERATE)
        move_incident(session, incident_id, _status(status), actor=acting.identity.name)
    return _kept(acting, incident_id)


@router.post("/{incident_id}/resolve")
def resolve(request: Request, acting: Person, incident_id: str, note: Annotated[str, Form()] = "") -> Response:
    """Resolve an incident by hand."""
    said = note.strip() or text("resolve.by_hand", language=viewer_of(request).language)
    with acting.records() as session:
        _reachable(session, acting, incident_id, Permission.OPERATE)
        resolve_incident(session, incident_id, note=said, actor=acting.identity.name)
    return _kept(acting, incident_id)


def _reachable(session: Session, acting: Acting, incident_id: str, permission: Permission) -> Incident:
    acting.require(permission, None)
    found = get_incident(session, incident_id)
    acting.require(permission, scope_of_signals(found.signals))
    return found


def _kept(acting: Acting, incident_id: str) -> Response:
    """Keep the incident's hot copy as it is now; losing it is harmless."""
    with acting.records() as session:
        incident = get_incident(session, incident_id)
    remember(working_memory(acting.services.settings), incident)
    return RedirectResponse(f"/incidents/{incident.id}", status_code=303)


def _status(given: str) -> IncidentStatus:
    try:
        return IncidentStatus(given)
    except ValueError:
        raise InvalidInput(f"status: {given!r} is not one of {', '.join(IncidentStatus)}") from None
