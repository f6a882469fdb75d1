"""Alertmanager's notifications open incidents, refresh them, and resolve them when all alerts are over."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import Became, receive, signals_of
from countersign.errors import InvalidInput
from countersign.records.states import IncidentStatus
from tests.aftermath.incidents.remembered import alert, incident, received, told, within


def test_an_incident_says_what_its_alerts_have_in_common(engine: Engine) -> None:
    got = received(engine, alert(pod="api-1"), alert(pod="api-2", deployment="worker"))
    assert got.became is Became.OPENED
    assert got.incident is not None
    found = incident(engine, got.incident.id)
    assert found.signals == {
        "alertname": "HighLatency",
        "namespace": "prod",
        "service": "api",
        "category": "latency",
    }
    assert (found.title, found.alert_category, found.affected_services) == ("api answers slowly", "latency", ["api"])
    assert len(found.alerts) == 2
    assert found.id.startswith("INC-")


def test_the_same_notification_again_refreshes_the_same_incident(engine: Engine) -> None:
    first, second = received(engine), received(engine)
    assert first.incident is not None
    assert second.incident is not None
    assert (second.became, second.incident.id) == (Became.REFRESHED, first.incident.id)


def test_it_is_resolved_once_every_alert_is_over(engine: Engine) -> None:
    opened = received(engine, alert(pod="1"), alert(pod="2")).incident
    assert opened is not None
    assert received(engine, alert(pod="1", status="resolved")).became is Became.REFRESHED
    assert incident(engine, opened.id).status is IncidentStatus.OPEN
    assert received(engine, alert(pod="2", status="resolved")).became is Became.RESOLVED
    assert incident(engine, opened.id).closing_note == "All its alerts are over."
    assert told(engine, opened.id) == ["incident_opened", "incident_resolved"]


def test_alerts_that_are_over_open_nothing(engine: Engine) -> None:
    assert received(engine, alert(status="resolved")).became is Became.IGNORED


def test_alerts_of_one_group_do_not_get_a_second_name(engine: Engine) -> None:
    received(engine)
    with pytest.raises(InvalidInput, match="belong to incident INC-"):
        received(engine, incident_id="INC-7")


@pytest.mark.parametrize("payload", [{}, [], None, "alert", 7, {"alerts": []}, {"alerts": [{"labels": {"a": 1}}]}])
def test_what_is_no_notification_is_refused_with_the_fields_name(payload: Any) -> None:
    with pytest.raises(InvalidInput, match="alerts"):
        read_alerts(payload)


@pytest.mark.parametrize(
    ("fields", "said", "hint"),
    [
        ({"startsAt": "2026-01-05T12:00:00"}, "alerts.0.startsAt: ", "2026-01-05T12:00:00Z"),
        ({"startsAt": "2026-01-05"}, "alerts.0.startsAt: ", "2026-01-05T12:00:00Z"),
        ({"endsAt": "2026-01-05T12:00:00"}, "alerts.0.endsAt: ", "2026-01-05T12:00:00Z"),
        ({"startsAt": "at noon"}, "alerts.0.startsAt: ", "2026-01-05T12:00:00Z"),
        ({"labels": {"a": 1}}, "alerts.0.labels.a: ", "Alertmanager"),
        ({"labels": {"alertname": "\ud800"}}, "alerts: ", "UTF-8"),
        ({"annotations": {"\udc00": "x"}}, "alerts: ", "UTF-8"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_what_would_work(
    fields: dict[str, Any], said: str, hint: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_alerts({"alerts": [{**alert(), **fields}, alert()]})
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("incident_id", ["", " ", "INC 1", "INC-\n1", "x" * 201, "\ud800"])
def test_an_incident_has_a_name_that_can_be_typed(engine: Engine, incident_id: str) -> None:
    with pytest.raises(InvalidInput, match="incident_id"):
        received(engine, incident_id=incident_id)


def test_a_group_with_a_long_key_is_known_by_it(engine: Engine) -> None:
    payloads = [{"alerts": [alert()], "groupKey": "".join(map(chr, range(0x4E00, 0x9E00))) + end} for end in "aab"]
    now = datetime.now(UTC)
    became = [within(engine, lambda s, p=one: receive(s, read_alerts(p), now=now)).became for one in payloads]
    assert became == [Became.OPENED, Became.REFRESHED, Became.OPENED]


def test_one_alert_and_a_list_of_alerts_are_notifications_too() -> None:
    now = datetime.now(UTC)
    assert signals_of(read_alerts(alert()), now=now) == signals_of(read_alerts([alert()]), now=now)
