"""Short ways to what the tests of remembering start from and look at."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import Session

from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import Received, receive
from countersign.records.database.engine import transaction
from countersign.records.incidents import get_incident
from countersign.records.knowledge import entry_of
from countersign.records.tables import Incident, KnowledgeEntry
from countersign.records.timeline import events_of
from tests.execution.conftest import Office

T = TypeVar("T")
RESTART = "kubectl rollout restart deployment/api -n prod"
NOTHING = "NO_ACTION: it heals by itself"
AUTO = "auto_approve:latency"


def within(engine: Engine, function: Callable[[Session], T]) -> T:
    """Return what `function` finds in a transaction of its own."""
    with transaction(engine) as session:
        return function(session)


def alert(name: str = "HighLatency", *, status: str = "firing", **labels: str) -> dict[str, Any]:
    """Return an alert as Alertmanager sends it."""
    return {
        "status": status,
        "labels": {"alertname": name, "namespace": "prod", "service": "api", "category": "latency", **labels},
        "annotations": {"summary": "api answers slowly"},
        "startsAt": "2026-06-01T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-06-01T12:30:00Z",
        "fingerprint": f"{name}-{labels.get('pod', '')}",
    }


def received(engine: Engine, *alerts: dict[str, Any], incident_id: str | None = None) -> Received:
    """Send alerts of one group, as the webhook would."""
    payload = {"version": "4", "groupKey": "{}:{}", "alerts": list(alerts) or [alert()]}
    return within(engine, lambda s: receive(s, read_alerts(payload), now=datetime.now(UTC), incident_id=incident_id))


def incident(engine: Engine, incident_id: str) -> Incident:
    return within(engine, lambda session: get_incident(session, incident_id))


def case(engine: Engine, execution_id: UUID) -> KnowledgeEntry:
    found = within(engine, lambda session: entry_of(session, execution_id))
    assert found is not None
    return found


def told(engine: Engine, incident_id: str) -> list[str]:
    """Return the types of the events of an incident, in their order."""
    return [event.type for event in within(engine, lambda session: events_of(session, incident_id=incident_id))]


def with_redis(office: Office, url: str) -> Office:
    return office.with_settings(redis_url=SecretStr(url))
