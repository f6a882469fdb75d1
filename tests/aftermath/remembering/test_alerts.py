"""Alertmanager's notifications open incidents, refresh them, and resolve them when all alerts are over."""

from typing import Any

import pytest
from sqlalchemy import Engine

from countersign.aftermath.remembering.alerts import Became, read_alerts, signals_of
from countersign.errors import InvalidInput
from countersign.records.states import IncidentStatus
from tests.aftermath.remembering.remembered import alert, incident, received, told


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


def test_one_alert_and_a_list_of_alerts_are_notifications_too() -> None:
    assert signals_of(read_alerts(alert())) == signals_of(read_alerts([alert()]))
