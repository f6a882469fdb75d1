"""Incidents: opened by signals, completed by what was executed for them, resolved once.

Every change raises the row's version (a trigger); what would change nothing writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import InvalidInput, NotFound
from countersign.records import audit
from countersign.records.alert_states import SETTLING, agreed, ended, merged
from countersign.records.audit_events import Event
from countersign.records.audit_sources import INCIDENT_LINK, tell
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean, clean_json, clipped
from countersign.records.places import Place
from countersign.records.signals import Signals, incidents_knowing
from countersign.records.states import EventStatus, IncidentStatus
from countersign.records.tables import Incident
from countersign.records.timeline import add_event
from countersign.texts import text as say

NOTE_LIMIT = 4_000
"""Characters of a closing note and of learning notes."""
RESOLVED = (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)

# Write an incident, unless its name is taken or its group of alerts has one open.
INSERT = text("""
    INSERT INTO incident (id, group_key, title, signals, alerts, unlisted_alerts, alert_category, affected_services)
    VALUES (:id, :group_key, :title, :signals, :alerts, :unlisted, :category, :services)
    ON CONFLICT DO NOTHING RETURNING id
""").bindparams(bindparam("signals", type_=JSONB), bindparam("alerts", type_=JSONB))

# What was executed for the incident. A success never lowers the effectiveness; notes that are there stay.
COMPLETE = text("""
    UPDATE incident
    SET execution_success = :success,
        effectiveness_score = CASE WHEN :success THEN greatest(effectiveness_score, :effectiveness)
                                   ELSE coalesce(:effectiveness, effectiveness_score) END,
        learning_notes = coalesce(learning_notes, :note)
    WHERE id = :id AND (
        execution_success IS DISTINCT FROM :success
        OR learning_notes IS NULL AND CAST(:note AS text) IS NOT NULL
        OR CASE WHEN :success THEN coalesce(effectiveness_score, 0) < :effectiveness
                ELSE effectiveness_score IS DISTINCT FROM coalesce(:effectiveness, effectiveness_score) END
    ) AND (reopened_at IS NULL OR reopened_at < coalesce(CAST(:settled_at AS timestamptz), 'infinity'))
    RETURNING id
""").bindparams(bindparam("effectiveness", type_=Incident.__table__.c.effectiveness_score.type))  # type: ignore[attr-defined]

# Resolve an incident that is not; of any number of callers one does.
# What ended before its alerts fired again does not.
RESOLVE = text("""
    UPDATE incident SET status = 'resolved', resolved_at = clock_timestamp(), closing_note = :note
    WHERE id = :id AND status IN ('open', 'investigating', 'mitigating')
      AND (reopened_at IS NULL OR reopened_at < coalesce(CAST(:settled_at AS timestamptz), 'infinity'))
    RETURNING id
""")

# Held by who opens an incident of that name, and by who found that there is none and writes so, until the end of the
# transaction: so the one of them that is later sees what the other wrote.
HOLD_NAME = text("SELECT pg_advisory_xact_lock(4175, hashtext(:id))")

# Give an execution that was approved before its incident existed the incident.
LINK = text("""
    UPDATE approval SET incident_id = :incident_id,
        incident_linked_by = CASE WHEN incident_id IS NULL THEN :by ELSE incident_linked_by END
    WHERE id = :approval_id AND (incident_id IS NULL OR incident_id = :incident_id)
    RETURNING id, (SELECT incident_id FROM approval AS before WHERE before.id = :approval_id) IS NULL AS was_open
""")

# The incident that an approval has.
LINKED = text("SELECT incident_id FROM approval WHERE id = :approval_id")

# Open incidents whose last execution has ended well and has no step left that could resolve them
# (ix_incident_unresolved_updated_at, ix_approval_incident_id). What was taken back, or was found to have not helped,
# has not resolved anything; nor has what was executed before the alerts fired again.
STUCK = text("""
    SELECT incident.id, last.execution_id, last.settled_at
    FROM incident CROSS JOIN LATERAL (
        SELECT execution.id AS execution_id, execution.outcome, execution.settled_at
        FROM approval JOIN execution
          ON execution.approval_id = approval.id AND NOT execution.dry_run AND execution.rolls_back IS NULL
             AND execution.outcome IS DISTINCT FROM 'postponed'
        WHERE approval.incident_id = incident.id
        ORDER BY execution.settled_at DESC NULLS FIRST LIMIT 1
    ) AS last
    WHERE incident.status IN ('open', 'investigating', 'mitigating')
      AND last.outcome IN ('success', 'no_action')
      AND last.settled_at > coalesce(incident.reopened_at, '-infinity')
      AND last.settled_at < clock_timestamp() - make_interval(secs => :older_than_seconds)
      AND NOT EXISTS (SELECT FROM ledger_step AS step
                      WHERE step.execution_id = last.execution_id AND step.status IN ('pending', 'running'))
      AND NOT EXISTS (SELECT FROM evidence_snapshot AS evidence
                      WHERE evidence.execution_id = last.execution_id
                        AND evidence.verdict IN ('worse', 'ineffective'))
      AND NOT EXISTS (SELECT FROM execution AS rollback WHERE rollback.rolls_back = last.execution_id)
    ORDER BY incident.updated_at LIMIT :limit
""")


_EVENT = {
    "opened": Event.INCIDENT_OPENED,
    "reopened": Event.INCIDENT_REOPENED,
    "resolved": Event.INCIDENT_RESOLVED,
}
_STATUS = {"opened": IncidentStatus.OPEN.value, "reopened": IncidentStatus.OPEN.value}


@dataclass(frozen=True)
class Opened:
    """The incident that the signals belong to."""

    incident: Incident
    created: bool = False
    reopened: bool = False


@dataclass(frozen=True)
class Stuck:
    """An incident that is open although its execution has ended well."""

    incident_id: str
    execution_id: UUID
    since: datetime


def open_incident(session: Session, signals: Signals, *, now: datetime, incident_id: str | None = None) -> Opened:
    """Write the incident of `signals`, or bring it up to date; the one named `incident_id`, else its group's.

    A resolved one is opened again when its alerts fire again, or have not stopped firing for long. Raises
    InvalidInput when there is neither a name nor a group.
    """
    if incident_id is None and not signals.group_key:
        raise InvalidInput("an incident needs an incident_id, or alerts of one group", hint="give an incident_id")
    found = incident_for(session, signals, incident_id)
    if found is None or (incident_id is None and _is_another(found, signals)):
        made = _insert(session, signals, incident_id or f"INC-{now:%Y%m%d}-{new_id().hex[-8:]}".upper())
        if made is not None:
            return Opened(made, created=True)
        found = incident_for(session, signals, incident_id)
        if found is None:
            other = incident_for(session, signals, None)
            raise InvalidInput(
                f"incident_id: these alerts belong to incident {other.id if other else 'of another name'} already"
            )
    return Opened(found, reopened=_refresh(session, found, signals, now=now))


def get_incident(session: Session, incident_id: str) -> Incident:
    """Return the incident as the database has it now. Raises NotFound."""
    found = find_incident(session, incident_id)
    if found is None:
        raise NotFound(f"incident {incident_id} does not exist", hint="`countersign incidents list` shows them")
    return found


def find_incident(session: Session, incident_id: str | None) -> Incident | None:
    """Return the incident as the database has it now, None where there is none."""
    if incident_id is None:
        return None
    return session.get(Incident, clean(incident_id), populate_existing=True)


def hold_name(session: Session, incident_id: str) -> None:
    """Keep others from opening an incident of this name until the transaction ends."""
    session.execute(HOLD_NAME, {"id": clean(incident_id)})


def version_of(session: Session, incident_id: str) -> int | None:
    """Return the version that an incident is at, None where there is none."""
    return session.exec(select(Incident.version).where(col(Incident.id) == clean(incident_id))).one_or_none()


def list_incidents(
    session: Session,
    *,
    status: IncidentStatus | None = None,
    unresolved: bool = False,
    before: Place | None = None,
    limit: int = 50,
) -> Sequence[Incident]:
    """Return incidents, newest first, from before a place; only those with `status`, or only unresolved ones."""
    query = select(Incident)
    if before is not None:
        query = query.where(tuple_(col(Incident.created_at), col(Incident.id)) < (before.created_at, before.id))
    if status is not None:
        query = query.where(col(Incident.status) == status)
    if unresolved:
        query = query.where(text("status IN ('open', 'investigating', 'mitigating')"))
    return session.exec(query.order_by(col(Incident.created_at).desc(), col(Incident.id).desc()).limit(limit)).all()


def move_incident(session: Session, incident_id: str, status: IncidentStatus, *, actor: str) -> bool:
    """Say where an unresolved incident stands; False if it stood there already. Raises NotFound, InvalidInput."""
    if status in RESOLVED:
        raise InvalidInput(f"status: {status} is reached by resolving", hint="`countersign incidents resolve`")
    incident = _locked(session, incident_id)
    if incident.status in RESOLVED:
        raise InvalidInput(f"incident {incident_id} is {incident.status}", hint="new alerts open it again")
    if incident.status is status:
        return False
    incident.status = status
    _flush(session, incident)
    _tell(session, incident.id, status.value, EventStatus.INFO, actor=actor)
    return True


def complete_outcome(
    session: Session,
    incident_id: str,
    *,
    success: bool,
    effectiveness: int | None = None,
    note: str | None = None,
    settled_at: datetime | None = None,
) -> bool:
    """Put on the incident what was executed for it; False if that changes nothing or there is no such incident.

    `effectiveness` is 1 to 5; after a success it never falls. `note` becomes the learning note if there is none.
    What ended at `settled_at`, before the alerts fired again, changes nothing.
    """
    if effectiveness is not None and not 1 <= effectiveness <= 5:
        raise InvalidInput(f"effectiveness: {effectiveness} is not between 1 and 5")
    asked = {"id": clean(incident_id), "success": success, "effectiveness": effectiveness, "settled_at": settled_at}
    return session.execute(COMPLETE, {**asked, "note": clipped(note, NOTE_LIMIT)}).one_or_none() is not None


def resolve_incident(
    session: Session, incident_id: str, *, note: str, actor: str = "countersign", settled_at: datetime | None = None
) -> bool:
    """Resolve the incident and tell it on its timeline, once; False if it is resolved already. Raises NotFound.

    What ended at `settled_at`, before the alerts fired again, does not resolve it either.
    """
    asked = {"id": clean(incident_id), "note": clipped(note, NOTE_LIMIT), "settled_at": settled_at}
    if session.execute(RESOLVE, asked).one_or_none() is None:
        get_incident(session, incident_id)
        return False
    _tell(session, incident_id, "resolved", EventStatus.SUCCESS, description=note, actor=actor)
    return True


def link_incident(session: Session, approval_id: UUID, incident_id: str, *, by: str) -> None:
    """Name the incident of an approval that has none. It is no part of what was signed; the audit says who did it.

    Raises InvalidInput where it has another one, NotFound.
    """
    asked = {"approval_id": approval_id, "incident_id": clean(incident_id), "by": clean(by)}
    linked = session.execute(LINK, asked).one_or_none()
    if linked is not None and linked.was_open:
        tell(session, Event.INCIDENT_LINKED, INCIDENT_LINK, approval_id, actor=by)
    if linked is None:
        other = session.execute(LINKED, {"approval_id": approval_id}).one_or_none()
        if other is None:
            raise NotFound(f"approval {approval_id} does not exist", hint="`countersign approvals list` shows them")
        raise InvalidInput(f"the approval belongs to incident {other.incident_id} already")


def stuck_incidents(session: Session, *, older_than_seconds: float = 60, limit: int = 100) -> Sequence[Stuck]:
    """Return incidents that are open although the last execution for them ended well that long ago."""
    rows = session.execute(STUCK, {"older_than_seconds": older_than_seconds, "limit": limit})
    return [Stuck(row.id, row.execution_id, row.settled_at) for row in rows]


def incident_for(session: Session, signals: Signals, incident_id: str | None) -> Incident | None:
    """Return and lock the incident of that name, or the last one of the alerts or their group, if any."""
    query = select(Incident)
    if incident_id is not None:
        query = query.where(col(Incident.id) == clean(incident_id))
    else:
        knows = col(Incident.id).in_(incidents_knowing(session, signals))
        query = query.where(or_(knows, col(Incident.group_key) == clean(signals.group_key or "")))
        order = (col(Incident.resolved_at).is_(None).desc(), knows.desc(), col(Incident.created_at).desc())
        query = query.order_by(*order).limit(1)
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def others_knowing(session: Session, signals: Signals, *, besides: str) -> Sequence[Incident]:
    """Return and lock the other open incidents that know one of the alerts."""
    names = [name for name in incidents_knowing(session, signals, unresolved=True) if name != besides]
    return [_locked(session, name) for name in sorted(names)]


def update_known(session: Session, incident: Incident, signals: Signals, *, now: datetime) -> None:
    """Take what the signals say of alerts that the locked incident knows."""
    known = {key: alert for key, alert in clean_json(signals.alerts).items() if key in incident.alerts}
    incident.alerts = merged(incident.alerts, known, now=now)
    _flush(session, incident)


def _is_another(last: Incident, signals: Signals) -> bool:
    """Whether the group's alerts fire anew after their last incident was done with."""
    if last.resolved_at is None or not signals.firing:
        return False
    return last.status is IncidentStatus.CLOSED or _began_after(last.resolved_at, signals)


def _insert(session: Session, signals: Signals, incident_id: str) -> Incident | None:
    hold_name(session, incident_id)
    row = session.execute(
        INSERT,
        {
            "id": clean(incident_id),
            "group_key": None if signals.group_key is None else clean(signals.group_key),
            "title": clean(signals.title),
            "signals": clean_json(signals.labels),
            "alerts": clean_json(signals.alerts),
            "unlisted": signals.unlisted,
            "category": clean(signals.category),
            "services": sorted({clean(service) for service in signals.services}),
        },
    ).one_or_none()
    if row is None:
        return None
    _tell(session, row.id, "opened", EventStatus.WARNING, description=signals.title)
    return get_incident(session, row.id)


def _refresh(session: Session, incident: Incident, signals: Signals, *, now: datetime) -> bool:
    """Take what the signals say into the locked incident; return whether that opens it again."""
    if incident.status is IncidentStatus.CLOSED:
        return False
    reopened = _fires_again(incident, signals, now=now)
    if reopened:
        incident.status, incident.reopened_at = IncidentStatus.OPEN, now
        incident.resolved_at = incident.closing_note = None
    incident.title = incident.title or clean(signals.title)
    incident.alerts = merged(incident.alerts, clean_json(signals.alerts), now=now)
    if signals.group_over and incident.group_key == clean(signals.group_key or ""):
        incident.alerts = ended(incident.alerts, until=signals.over_until, now=now)
    # Alerts without a group are one part of what fires; they do not make up for those that were not listed before.
    incident.unlisted_alerts = max(signals.unlisted, incident.unlisted_alerts if signals.ungrouped else 0)
    incident.signals = agreed({**incident.signals, **clean_json(signals.labels)}, incident.alerts)
    incident.alert_category = clean(signals.category) or incident.alert_category
    incident.affected_services = sorted({*incident.affected_services, *map(clean, signals.services)})
    _flush(session, incident)
    if reopened:
        _tell(session, incident.id, "reopened", EventStatus.WARNING)
    return reopened


def _fires_again(incident: Incident, signals: Signals, *, now: datetime) -> bool:
    if incident.resolved_at is None or not signals.firing:
        return False
    return _began_after(incident.resolved_at, signals) or now > incident.resolved_at + SETTLING


def _began_after(when: datetime, signals: Signals) -> bool:
    return signals.firing_since is not None and signals.firing_since > when


def _locked(session: Session, incident_id: str) -> Incident:
    get_incident(session, incident_id)
    query = select(Incident).where(col(Incident.id) == clean(incident_id)).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one()


def _flush(session: Session, incident: Incident) -> None:
    """Send the changes, if any, and read what the trigger made of them."""
    session.add(incident)
    if session.is_modified(incident):
        session.flush()
        session.refresh(incident)


def _tell(
    session: Session,
    incident_id: str,
    what: str,
    status: EventStatus,
    *,
    description: str = "",
    actor: str = "countersign",
) -> None:
    add_event(
        session,
        incident_id=clean(incident_id),
        type=f"incident_{what}",
        status=status,
        title=say(f"incident.{what}"),
        description=description,
        actor=actor,
        actor_role="system",
    )
    details = {"incident": incident_id, "status": _STATUS.get(what, what), "description": description}
    audit.record(session, _EVENT.get(what, Event.INCIDENT_MOVED), actor=actor, subject=incident_id, details=details)
