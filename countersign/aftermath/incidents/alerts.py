"""What alerts make of their incident: they open it, refresh it, open it again or resolve it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from countersign.aftermath.incidents.alertmanager import Notification
from countersign.aftermath.incidents.anomaly import service_of
from countersign.aftermath.knowledge.deposit import write_cases_again
from countersign.canonical import sha256_of
from countersign.errors import InvalidInput
from countersign.records.alert_states import all_over
from countersign.records.auto_repairs import wake_repairs
from countersign.records.incidents import (
    incident_for,
    open_incident,
    others_knowing,
    resolve_incident,
    update_known,
)
from countersign.records.signals import UNGROUPED, Signals, hold_ungrouped
from countersign.records.tables import Incident
from countersign.texts import text

CATEGORY_LABELS = ("alert_category", "category")
KEY_LIMIT = 500
"""Characters of a group's key; a longer one is known by its hash, since indexes have limits."""
_NAME = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]{1,200}")


class Became(StrEnum):
    """What became of the signals."""

    OPENED = "opened"
    REFRESHED = "refreshed"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    IGNORED = "ignored"
    """Alerts that are over and belong to no open incident."""


@dataclass(frozen=True)
class Received:
    """The incident that the signals belong to, and what they made of it."""

    became: Became
    incident: Incident | None


def signals_of(notification: Notification, *, now: datetime) -> Signals:
    """Return what the alerts say together. Pure."""
    alerts = notification.alerts
    labels = {**_common(alert.labels for alert in alerts), **notification.commonLabels}
    names = sorted({alert.labels.get("alertname", "") for alert in alerts} - {""})
    known_by = labels or sorted(alert.key for alert in alerts)
    if names:
        labels = {"alertname": names[0]} | labels
    annotations = {**_common(alert.annotations for alert in alerts), **notification.commonAnnotations}
    firing = [alert for alert in alerts if not alert.is_over(now=now)]
    began = [alert.startsAt for alert in firing if alert.startsAt is not None]
    ended = [alert.endsAt for alert in alerts if alert not in firing and alert.endsAt is not None]
    return Signals(
        title=annotations.get("summary") or ", ".join(names) or annotations.get("description", ""),
        labels=labels,
        alerts={alert.key: alert.document(now=now) for alert in alerts},
        category=next((found for name in CATEGORY_LABELS if (found := labels.get(name))), ""),
        services=sorted({service_of(alert.labels) for alert in alerts} - {""}),
        group_key=_key_of(notification.groupKey) or f"{UNGROUPED}{sha256_of(known_by)}",
        firing=notification.status != "resolved" if notification.status else bool(firing),
        firing_since=max(began, default=None),
        unlisted=0 if notification.is_over else notification.unlisted,
        group_over=notification.is_over,
        over_until=max(ended, default=None),
    )


def receive(
    session: Session, notification: Notification, *, now: datetime, incident_id: str | None = None
) -> Received:
    """Open, refresh, open again or resolve the incident that the alerts belong to. Raises InvalidInput.

    Alerts that come without a group's key are each known by themselves: what ends of another incident of such alerts
    ends there, too.
    """
    if incident_id is not None and _NAME.fullmatch(incident_id) is None:
        raise InvalidInput(
            f"incident_id: {incident_id[:80]!r} is no name of an incident",
            hint="1 to 200 characters without spaces, e.g. INC-2026-0042",
        )
    signals = signals_of(notification, now=now)
    if signals.ungrouped:
        hold_ungrouped(session)
    received = _receive(session, signals, now=now, incident_id=incident_id)
    if signals.ungrouped and received.incident is not None:
        for other in others_knowing(session, signals, besides=received.incident.id):
            update_known(session, other, signals, now=now)
            _resolve_if_over(session, other, signals)
    return received


def _receive(session: Session, signals: Signals, *, now: datetime, incident_id: str | None) -> Received:
    if not signals.firing:
        known = incident_for(session, signals, incident_id)
        if known is None or known.resolved_at is not None:
            return Received(Became.IGNORED, known)
    opened = open_incident(session, signals, now=now, incident_id=incident_id)
    incident = opened.incident
    if opened.created:
        wake_repairs(session, incident.id)
        write_cases_again(session, incident.id)
        return Received(Became.OPENED, incident)
    if _resolve_if_over(session, incident, signals):
        return Received(Became.RESOLVED, incident)
    return Received(Became.REOPENED if opened.reopened else Became.REFRESHED, incident)


def _resolve_if_over(session: Session, incident: Incident, signals: Signals) -> bool:
    """Resolve an incident none of whose alerts fires, as far as is known; whether this did."""
    if signals.firing and not signals.ungrouped:
        return False
    if incident.resolved_at is not None or incident.unlisted_alerts or not all_over(incident.alerts):
        return False
    if not resolve_incident(session, incident.id, note=text("resolve.alerts_over"), actor="alertmanager"):
        return False
    session.refresh(incident)
    return True


def _key_of(group_key: str) -> str:
    return group_key if len(group_key) <= KEY_LIMIT else f"hash:{sha256_of(group_key)}"


def _common(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return what all have in common."""
    first, *others = each
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}
