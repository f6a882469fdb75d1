"""PagerDuty, told by ourselves: Apprise sends no dedup_key, without which a repeated message is a second incident."""

from typing import Any

import httpx

from countersign.aftermath.notifications.answers import error_for_status, retry_after
from countersign.aftermath.notifications.http_post import post
from countersign.errors import DeliveryFailed
from countersign.execution.time_limit import within

ADDRESSES = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}


def is_meant(service: Any) -> bool:
    """Tell whether Apprise's object is for PagerDuty."""
    return type(service).__name__ == "NotifyPagerDuty"


def send(service: Any, summary: str, *, key: str, failed: bool, timeout: float, address: str | None = None) -> None:
    """Send an event to the service that Apprise's object describes; `key` makes a repeated one the same.

    Raises DeliveryFailed, DeliveryRefused.
    """
    event = {
        "routing_key": service.integration_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Countersign",
        "payload": {
            "summary": summary,
            "severity": service.severity or ("error" if failed else "info"),
            "source": service.source,
            "component": service.component,
            "group": service.group,
            "class": service.class_id,
            "custom_details": dict(service.details),
        },
    }
    with within(timeout) as late:
        try:
            answer = post(address or ADDRESSES[service.region_name], event, timeout=timeout)
        except httpx.HTTPError as error:
            if late.is_set() or isinstance(error, httpx.TimeoutException):
                raise DeliveryFailed("PagerDuty did not answer in time; the message may have arrived.") from None
            raise DeliveryFailed("PagerDuty cannot be reached.") from None
    if not answer.ok:
        raise error_for_status(answer.status, retry_after=retry_after(answer.headers, answer.body))
