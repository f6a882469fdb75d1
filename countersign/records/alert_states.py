"""What is known of an incident's alerts once another delivery has come, whatever the order in which they come. Pure.

Deliveries may overtake each other: two Alertmanagers of one cluster both send, and what failed is sent again. None
says when it was made; but an alert's beginning and end tell which time of its firing is meant.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Alerts = Mapping[str, Mapping[str, Any]]
"""By fingerprint: status, labels, annotations, starts_at, ends_at."""

OVER = "resolved"
SETTLING = timedelta(minutes=15)
"""How long alerts may go on firing after they were over before that is believed."""
KEPT_LIMIT = 2_000
"""Alerts that are kept of an incident; those that are over go first."""


def merged(known: Alerts, new: Alerts, *, now: datetime) -> dict[str, Mapping[str, Any]]:
    """Return what is known after `new` came."""
    both = {**known, **{key: _later(known.get(key), alert, now=now) for key, alert in new.items()}}
    if len(both) <= KEPT_LIMIT:
        return both
    fresh = sorted(both, key=lambda key: (not _is_over(both[key]), both[key].get("ends_at") or "", key))
    kept = set(fresh[-KEPT_LIMIT:])
    return {key: alert for key, alert in both.items() if key in kept}


def ended(alerts: Alerts, *, until: datetime | None, now: datetime) -> dict[str, Mapping[str, Any]]:
    """Return the alerts of a group that is over: those that it does not list any more have ended, too.

    Not those that began after the last end that it knows of: then it is an older delivery.
    """
    when = (until or now).isoformat()

    def end(alert: Mapping[str, Any]) -> Mapping[str, Any]:
        began = _time(alert.get("starts_at"))
        if _is_over(alert) or (until is not None and began is not None and began > until):
            return alert
        return {**alert, "status": OVER, "ends_at": when}

    return {key: end(alert) for key, alert in alerts.items()}


def all_over(alerts: Alerts) -> bool:
    """Whether none of them fires."""
    return all(map(_is_over, alerts.values()))


def agreed(labels: Mapping[str, Any], alerts: Alerts) -> dict[str, Any]:
    """Return those of an incident's labels that no alert of it contradicts; its alertname stays."""
    said = [alert.get("labels") or {} for alert in alerts.values()]
    return {
        name: value
        for name, value in labels.items()
        if name == "alertname" or all(one.get(name, value) == value for one in said)
    }


def _later(known: Mapping[str, Any] | None, new: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:
    """Return what holds of two things that were said of an alert."""
    if known is None or _is_over(known) == _is_over(new):
        return new
    if _is_over(new):
        over, began = _time(new.get("ends_at")), _time(known.get("starts_at"))
        return known if over is not None and began is not None and over < began else new
    over, began = _time(known.get("ends_at")), _time(new.get("starts_at"))
    if over is None:
        return new
    # The time of firing that is known to be over. An Alertmanager that Prometheus did not reach lets an alert end,
    # and hears of it again as it was: that is sent again and again, so it is believed later.
    is_same = began is None or began <= over
    return known if is_same and now <= over + SETTLING else new


def _is_over(alert: Mapping[str, Any]) -> bool:
    return bool(alert.get("status") == OVER)


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
