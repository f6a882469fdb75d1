"""What alerts say about an incident, and which incidents know them already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from countersign.records.database.storable import clean

UNGROUPED = "labels:"
"""What the key of alerts that came without a group's begins with."""

# One after another: who comes second finds what the first wrote.
HOLD_UNGROUPED = text("SELECT pg_advisory_xact_lock(4174, 0)")

# Incidents of alerts without a group that know one of these (ix_incident_alert_keys), those that are open first.
KNOWING = text("""
    SELECT id FROM incident
    WHERE starts_with(group_key, 'labels:')
      AND jsonb_path_query_array(alerts, '$.keyvalue().key') ?| CAST(:keys AS text[])
      AND (NOT :unresolved OR resolved_at IS NULL)
    ORDER BY resolved_at IS NULL DESC, created_at DESC LIMIT :limit
""")


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What alerts say about an incident."""

    title: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """What the alerts have in common, with alertname."""
    alerts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By fingerprint: status, labels, annotations, starts_at, ends_at."""
    category: str = ""
    services: Sequence[str] = ()
    group_key: str | None = None
    firing: bool = True
    firing_since: datetime | None = None
    """When the youngest alert that is firing began, where that is known."""
    unlisted: int = 0
    """Alerts that are known by number alone."""
    group_over: bool = False
    """Whether the group says that it is over, and has left none out."""
    over_until: datetime | None = None
    """The last end of an alert."""

    @property
    def ungrouped(self) -> bool:
        """Whether the alerts came without a group's key, and are known by themselves."""
        return self.group_key is not None and self.group_key.startswith(UNGROUPED)


def hold_ungrouped(session: Session) -> None:
    """Keep others from looking for alerts without a group until the transaction ends."""
    session.execute(HOLD_UNGROUPED)


def incidents_knowing(
    session: Session, signals: Signals, *, unresolved: bool = False, limit: int = 100
) -> Sequence[str]:
    """Return the incidents of alerts without a group that know one of these, those that are open first."""
    if not signals.ungrouped or not signals.alerts:
        return []
    asked = {"keys": [clean(key) for key in signals.alerts], "unresolved": unresolved, "limit": limit}
    return list(session.execute(KNOWING, asked).scalars())
