"""Which incident an execution belongs to, for all steps alike, and by which alert it is recognised."""

from sqlmodel import Session

from countersign.records.incident_names import incident_named_in
from countersign.records.tables import Approval, Incident

ALERT_LIMIT = 200
"""Characters of an alertname by which it is known; it stands in indexes."""


def incident_id_of(approval: Approval) -> str | None:
    """Return the incident that the approval names: its field, else the first INC-… in what people wrote."""
    return approval.incident_id or incident_named_in(approval.description, approval.action, approval.requested_by)


def incident_of(session: Session, approval: Approval) -> Incident | None:
    """Return the incident's row, None where none is named or it is not on record."""
    named = incident_id_of(approval)
    return None if named is None else session.get(Incident, named)


def alert_of(incident: Incident | None, approval: Approval) -> str:
    """Return the alertname that the incident was opened for, else the one in the request's metadata, else ""."""
    signals = {} if incident is None else incident.signals
    named = signals.get("alertname") or approval.details.get("alertname")
    return named.strip()[:ALERT_LIMIT] if isinstance(named, str) else ""
