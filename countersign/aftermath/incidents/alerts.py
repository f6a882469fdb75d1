"""Alerts as Alertmanager's webhook sends them (version 4), and the incident that they open, refresh or resolve."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session

from countersign.aftermath.incidents.anomaly import service_of
from countersign.aftermath.knowledge.deposit import write_cases_again
from countersign.canonical import sha256_of
from countersign.errors import InvalidInput
from countersign.records.auto_repairs import wake_repairs
from countersign.records.incidents import Signals, incident_for, open_incident, resolve_incident
from countersign.records.tables import Incident
from countersign.texts import text

FIRING, OVER = "firing", "resolved"
ALERTS_LIMIT = 1_000
"""Alerts of one notification that are looked at."""
CATEGORY_LABELS = ("alert_category", "category")
KEY_LIMIT = 500
"""Characters of a group's key; a longer one is known by its hash, since indexes have limits."""
_NAME = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_TIME = "2026-01-05T12:00:00Z"


class Alert(BaseModel):
    """One alert."""

    model_config = ConfigDict(extra="ignore")

    status: str = FIRING
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: AwareDatetime | None = None
    endsAt: AwareDatetime | None = None
    fingerprint: str = ""

    @property
    def key(self) -> str:
        """Return what tells this alert from others: its fingerprint, else its labels."""
        return self.fingerprint or sha256_of(self.labels)[:16]

    def document(self) -> dict[str, Any]:
        """Return what is kept of it."""
        over = self.status == OVER
        return {
            "status": self.status,
            "labels": self.labels,
            "annotations": self.annotations,
            "starts_at": self.startsAt.isoformat() if self.startsAt else None,
            "ends_at": self.endsAt.isoformat() if self.endsAt and over else None,
        }


class Notification(BaseModel):
    """What one call of the webhook carries."""

    model_config = ConfigDict(extra="ignore")

    groupKey: str = ""
    commonLabels: dict[str, str] = Field(default_factory=dict)
    commonAnnotations: dict[str, str] = Field(default_factory=dict)
    alerts: list[Alert] = Field(max_length=ALERTS_LIMIT)


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


def read_alerts(payload: Any) -> Notification:
    """Read a notification, or a list of alerts, or one alert. Raises InvalidInput naming the field."""
    match payload:
        case {"alerts": _}:
            given = payload
        case {"labels": _}:
            given = {"alerts": [payload]}
        case list():
            given = {"alerts": payload}
        case _:
            raise InvalidInput(
                "alerts: this is no notification of Alertmanager", hint='give {"alerts": [{"labels": {…}}]}'
            )
    _check_texts(given)
    try:
        found = Notification.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        hint = f"write a time with its zone, e.g. {_TIME}" if field.endswith("At") else "give it as Alertmanager does"
        raise InvalidInput(f"{field}: {problem['msg']}", hint=hint) from None
    if not found.alerts:
        raise InvalidInput("alerts: there is none in it")
    return found


def signals_of(notification: Notification) -> Signals:
    """Return what the alerts say together. Pure."""
    alerts = notification.alerts
    labels = {**_common(alert.labels for alert in alerts), **notification.commonLabels}
    names = sorted({alert.labels.get("alertname", "") for alert in alerts} - {""})
    if names:
        labels.setdefault("alertname", names[0])
    annotations = {**_common(alert.annotations for alert in alerts), **notification.commonAnnotations}
    began = [alert.startsAt for alert in alerts if alert.status != OVER and alert.startsAt is not None]
    firing = any(alert.status != OVER for alert in alerts)
    return Signals(
        title=annotations.get("summary") or ", ".join(names) or annotations.get("description", ""),
        labels=labels,
        alerts={alert.key: alert.document() for alert in alerts},
        category=next((found for name in CATEGORY_LABELS if (found := labels.get(name))), ""),
        services=sorted({service_of(alert.labels) for alert in alerts} - {""}),
        group_key=_key_of(notification.groupKey) or f"labels:{sha256_of(labels)}",
        firing=firing,
        firing_since=max(began, default=None),
    )


def receive(
    session: Session, notification: Notification, *, now: datetime, incident_id: str | None = None
) -> Received:
    """Open, refresh, open again or resolve the incident that the alerts belong to. Raises InvalidInput."""
    if incident_id is not None and _NAME.fullmatch(incident_id) is None:
        raise InvalidInput(
            f"incident_id: {incident_id[:80]!r} is no name of an incident",
            hint="1 to 200 characters without spaces, e.g. INC-2026-0042",
        )
    signals = signals_of(notification)
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
    if not signals.firing and all(one.get("status") == OVER for one in incident.alerts.values()):
        resolve_incident(session, incident.id, note=text("resolve.alerts_over"), actor="alertmanager")
        session.refresh(incident)
        return Received(Became.RESOLVED, incident)
    return Received(Became.REOPENED if opened.reopened else Became.REFRESHED, incident)


def _check_texts(given: Any) -> None:
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput("alerts: half a character is in a text", hint="give the document in UTF-8") from None


def _key_of(group_key: str) -> str:
    return group_key if len(group_key) <= KEY_LIMIT else f"hash:{sha256_of(group_key)}"


def _common(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return what all have in common."""
    first, *others = each
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}
