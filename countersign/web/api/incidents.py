"""`/v1/incidents`: alerts in, where incidents stand, what was done for them.

An incident is where its alerts say together that it is (labels `cluster` and `namespace`); roles that are limited to
other places do not reach it.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from sqlmodel import Session
from starlette.convertors import StringConvertor, register_url_convertor

from countersign.aftermath.finalisation import finalise
from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import receive, signals_of
from countersign.aftermath.incidents.working_memory import remember, working_memory
from countersign.execution.scope import scope_of_signals
from countersign.masking import masked, masked_values
from countersign.policy.roles import Permission
from countersign.records.incidents import (
    get_incident,
    incident_for,
    list_incidents,
    move_incident,
    resolve_incident,
)
from countersign.records.knowledge import related
from countersign.records.places import Place
from countersign.records.states import IncidentStatus
from countersign.records.tables import Incident
from countersign.texts import text
from countersign.web.acting import Acting, Caller
from countersign.web.api.approval_views import event_view
from countersign.web.api.cursors import read_place, tell_next, write_place
from countersign.web.api.incident_models import (
    IncidentName,
    IncidentView,
    Link,
    Linked,
    Move,
    ReceivedView,
    RelatedView,
    RepairView,
    Resolution,
    WholeIncidentView,
)
from countersign.web.api.knowledge import within_reach
from countersign.web.api.reach import events_reached, reachable, repairs_reached
from countersign.web.api.responses import problems
from countersign.web.api.words import NextCursor


class _NotAlerts(StringConvertor):
    """Any name but the address of the webhook."""

    regex = "(?!alerts$|alerts/)[^/]+"


register_url_convertor("incident", _NotAlerts())
router = APIRouter(prefix="/incidents", tags=["incidents"])
Alerts = Annotated[
    Any,
    Body(
        description="a notification of Alertmanager's webhook, a list of alerts as its API v2 has them, or one alert",
        examples=[{"alerts": [{"status": "firing", "labels": {"alertname": "ApiDown", "namespace": "prod"}}]}],
    ),
]


@router.post("/alerts", response_model=ReceivedView, responses=problems(idempotent=True))
def alerts(
    body: Alerts,
    acting: Caller,
    incident_id: Annotated[str | None, Query(max_length=200, description="made where there is none")] = None,
) -> Response:
    """Open, refresh, open again or resolve the incident of alerts, in any form that Alertmanager gives them."""
    acting.require(Permission.OPERATE, None)
    notification, now = read_alerts(body), datetime.now(UTC)
    signals = signals_of(notification, now=now)
    acting.require(Permission.OPERATE, scope_of_signals(signals.labels))

    def work(session: Session) -> ReceivedView:
        known = incident_for(session, signals, incident_id)
        if known is not None:
            acting.require(Permission.OPERATE, scope_of_signals(known.signals))
        received = receive(session, notification, now=now, incident_id=incident_id)
        incident = received.incident.id if received.incident is not None else None
        return ReceivedView(incident=incident, became=received.became)

    return acting.once(work)


@router.get("", responses=problems())
def list_(
    request: Request,
    response: Response,
    acting: Caller,
    *,
    status: IncidentStatus | None = None,
    unresolved: bool = False,
    cursor: NextCursor = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> list[IncidentView]:
    """List incidents, newest first; those that the caller's roles reach, so a page may be short. The `Link` with
    `rel="next"` leads to the next page.
    """
    acting.require(Permission.READ, None)
    with acting.records() as session:
        rows = list_incidents(session, status=status, unresolved=unresolved, before=read_place(cursor), limit=limit)
    if len(rows) == limit:
        tell_next(request, response, cursor=write_place(Place(rows[-1].created_at, rows[-1].id)))
    return [_view(row) for row in rows if acting.may(Permission.READ, scope_of_signals(row.signals))]


@router.get("/{incident_id:incident}", responses=problems(404))
def show(incident_id: IncidentName, acting: Caller) -> WholeIncidentView:
    """Return an incident with its alerts, timeline, repairs and related cases."""
    with acting.records() as session:
        row = _reachable(session, acting, incident_id, Permission.READ)
        words = [str(row.signals.get("alertname", "")), *row.affected_services]
        cases = within_reach(session, acting, related(session, words, incident_id=row.id))
        return WholeIncidentView(
            **_view(row).model_dump(),
            timeline=[event_view(event) for event in events_reached(session, acting, row.id)],
            repairs=[
                RepairView(
                    execution_id=each.execution_id,
                    incident_id=each.incident_id,
                    playbook=each.playbook,
                    trigger=each.trigger,
                    step=masked(each.step),
                    status=each.status,
                    reason=each.reason,
                    created_at=each.created_at,
                    due_at=each.due_at,
                    ended_at=each.ended_at,
                )
                for each in repairs_reached(session, acting, row.id)
            ],
            related=[RelatedView(id=each.id, title=masked(each.title)) for each in cases],
        )


@router.post("/{incident_id:incident}/move", response_model=IncidentView, responses=problems(404, idempotent=True))
def move(incident_id: IncidentName, body: Move, acting: Caller) -> Response:
    """Say where an unresolved incident stands."""

    def work(session: Session) -> IncidentView:
        _reachable(session, acting, incident_id, Permission.OPERATE)
        move_incident(session, incident_id, IncidentStatus(body.status.value), actor=acting.identity.name)
        return _view(get_incident(session, incident_id))

    return _kept(acting, incident_id, acting.once(work))


@router.post("/{incident_id:incident}/resolve", response_model=IncidentView, responses=problems(404, idempotent=True))
def resolve(incident_id: IncidentName, body: Resolution, acting: Caller) -> Response:
    """Resolve an incident by hand. A resolved one stays as it is."""

    def work(session: Session) -> IncidentView:
        _reachable(session, acting, incident_id, Permission.OPERATE)
        note = body.note.strip() or text("resolve.by_hand")
        resolve_incident(session, incident_id, note=note, actor=acting.identity.name)
        return _view(get_incident(session, incident_id))

    return _kept(acting, incident_id, acting.once(work))


@router.post("/{incident_id:incident}/link", response_model=Linked, responses=problems(404, idempotent=True))
def link(incident_id: IncidentName, body: Link, acting: Caller) -> Response:
    """Link an auto-approved action that ran before its incident existed, and add what the incident is missing."""
    with acting.records() as session:
        _reachable(session, acting, incident_id, Permission.OPERATE)
        reachable(session, acting, body.approval_id, Permission.OPERATE)

    def work(_session: Session) -> Linked:
        # In transactions of its own, and safe to repeat; steps that look at the target are left to a worker.
        done = finalise(
            acting.services, body.approval_id, incident_id=incident_id, linked_by=acting.identity.name, run=False
        )
        return Linked(approval_id=done.approval_id, result=done.result, summary=done.summary)

    return _kept(acting, incident_id, acting.once(work))


def _reachable(session: Session, acting: Acting, incident_id: str, permission: Permission) -> Incident:
    acting.require(permission, None)
    found = get_incident(session, incident_id)
    acting.require(permission, scope_of_signals(found.signals))
    return found


def _kept(acting: Acting, incident_id: str, answer: Response) -> Response:
    """Keep the incident's hot copy as it is now; losing it is harmless."""
    with acting.records() as session:
        incident = get_incident(session, incident_id)
    remember(working_memory(acting.services.settings), incident)
    return answer


def _view(row: Incident) -> IncidentView:
    return IncidentView(
        id=row.id,
        group_key=row.group_key and masked(row.group_key),
        title=masked(row.title),
        status=row.status,
        alert_category=row.alert_category,
        affected_services=row.affected_services,
        signals=masked_values(row.signals),
        alerts=masked_values(row.alerts),
        unlisted_alerts=row.unlisted_alerts,
        execution_success=row.execution_success,
        effectiveness_score=row.effectiveness_score,
        learning_notes=row.learning_notes and masked(row.learning_notes),
        closing_note=row.closing_note and masked(row.closing_note),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        reopened_at=row.reopened_at,
        resolved_at=row.resolved_at,
    )
