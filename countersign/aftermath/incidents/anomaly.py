"""Which anomaly an execution was about: the alert, and the service it fires for. Pure."""

from collections.abc import Mapping
from typing import Any

from countersign.aftermath.incidents.incident_of import alert_of
from countersign.records.tables import Approval, Incident
from countersign.texts import text

SERVICE_LABELS = (
    "service",
    "deployment",
    "statefulset",
    "daemonset",
    "app",
    "container",
    "job_name",
    "host",
    "instance",
)
"""Labels that name what an alert is about, the most telling first."""
KEY_LIMIT = 300


def anomaly_key_of(approval: Approval, incident: Incident | None) -> str | None:
    """Return the anomaly's key, "alertname|namespace|service" with "-" for what is not known.

    None where neither the alert nor what was acted on is known.
    """
    labels: Mapping[str, Any] = incident.signals if incident is not None else {}
    metadata = approval.details.get("labels")
    if not labels and isinstance(metadata, Mapping):
        labels = metadata
    alert = alert_of(incident, approval) or _text(labels.get("alertname"))
    target = approval.target or {}
    service = service_of(labels) or _first(incident.affected_services if incident else ()) or _target(target)
    if not alert and not service:
        return None
    namespace = _text(labels.get("namespace")) or _text(target.get("namespace"))
    return "|".join(_plain(part) or "-" for part in (alert, namespace, service))[:KEY_LIMIT]


def anomaly_for_people(key: str) -> str:
    """Return an anomaly's key as people say it: TargetDown of billing/invoices; prod/api without an alert."""
    alert, namespace, service = (part if part != "-" else "" for part in (*key.split("|"), "", "")[:3])
    where = "/".join(part for part in (namespace, service) if part)
    if alert and where:
        return text("disposition.alert_of", alert=alert, where=where)
    return alert or text("disposition.no_alert", where=where)


def service_of(labels: Mapping[str, Any]) -> str:
    """Return what the labels say that the alert is about, "" where they do not."""
    return next((found for name in SERVICE_LABELS if (found := _text(labels.get(name)))), "")


def _target(target: Mapping[str, Any]) -> str:
    names = target.get("names")
    return _first(names) if isinstance(names, list) else _text(target.get("host"))


def _first(values: Any) -> str:
    return next(map(_text, values), "")


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _plain(part: str) -> str:
    return part.replace("|", "/")
