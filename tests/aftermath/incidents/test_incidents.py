"""Incidents open with alerts, are completed by what was executed for them, and are resolved once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from countersign.errors import InvalidInput, NotFound
from countersign.records.database.engine import transaction
from countersign.records.incidents import (
    complete_outcome,
    get_incident,
    list_incidents,
    move_incident,
    open_incident,
    resolve_incident,
)
from countersign.records.signals import Signals
from countersign.records.states import IncidentStatus
from countersign.records.tables import Incident
from countersign.records.timeline import events_of

T = TypeVar("T")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIRING = Signals(
    title="api answers slowly",
    labels={"alertname": "HighLatency", "namespace": "prod"},
    alerts={"f1": {"status": "firing", "labels": {"alertname": "HighLatency"}}},
    category="latency",
    services=("api",),
    group_key="{}:{alertname=HighLatency}",
    firing_since=NOW,
)


def opened(engine: Engine, signals: Signals = FIRING, *, incident_id: str | None = None, now: datetime = NOW) -> str:
    with transaction(engine) as session:
        return open_incident(session, signals, now=now, incident_id=incident_id).incident.id


def within(engine: Engine, function: Callable[[Session], T]) -> T:
    with transaction(engine) as session:
        return function(session)


def row(engine: Engine, incident_id: str) -> Incident:
    return within(engine, lambda session: get_incident(session, incident_id))


def told(engine: Engine, incident_id: str) -> list[str]:
    return [event.type for event in within(engine, lambda session: events_of(session, incident_id=incident_id))]


def set_resolved_at(engine: Engine, incident_id: str, when: datetime) -> None:
    with transaction(engine) as session:
        session.execute(
            text("UPDATE incident SET resolved_at = :when WHERE id = :id"), {"when": when, "id": incident_id}
        )


def test_the_same_group_of_alerts_is_one_incident(engine: Engine) -> None:
    first = opened(engine)
    more = replace(
        FIRING, alerts={"f2": {"status": "firing"}}, services=("web",), labels={"alertname": "HighLatency"}
    )
    assert opened(engine, more) == first
    found = row(engine, first)
    assert set(found.alerts) == {"f1", "f2"}
    assert found.affected_services == ["api", "web"]
    assert found.signals == {"alertname": "HighLatency", "namespace": "prod"}
    assert told(engine, first) == ["incident_opened"]


def test_of_two_that_open_it_at_once_one_does(engine: Engine) -> None:
    ready = Barrier(8)

    def go(_number: int) -> str:
        ready.wait()
        return opened(engine)

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(go, range(8)))
    assert len(names) == 1
    assert told(engine, names.pop()) == ["incident_opened"]


def test_the_same_signals_again_change_nothing(engine: Engine) -> None:
    incident = opened(engine)
    assert opened(engine) == incident
    assert row(engine, incident).version == 1


def test_every_change_raises_the_version(engine: Engine) -> None:
    incident = opened(engine)
    within(engine, lambda s: move_incident(s, incident, IncidentStatus.INVESTIGATING, actor="alice"))
    within(engine, lambda s: complete_outcome(s, incident, success=True, effectiveness=4, note="restarted"))
    assert row(engine, incident).version == 3


def test_resolving_twice_tells_it_once(engine: Engine) -> None:
    incident = opened(engine)
    ready = Barrier(4)

    def go(_number: int) -> bool:
        ready.wait()
        return within(engine, lambda session: resolve_incident(session, incident, note="restarted"))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(go, range(4))) == [False, False, False, True]
    assert told(engine, incident) == ["incident_opened", "incident_resolved"]
    assert row(engine, incident).closing_note == "restarted"


def test_an_incident_that_does_not_exist_cannot_be_resolved(engine: Engine) -> None:
    with pytest.raises(NotFound):
        within(engine, lambda session: resolve_incident(session, "INC-0", note=""))


def test_alerts_that_fire_anew_are_another_incident(engine: Engine) -> None:
    first = opened(engine)
    within(engine, lambda session: resolve_incident(session, first, note=""))
    set_resolved_at(engine, first, NOW + timedelta(minutes=1))
    assert opened(engine, replace(FIRING, firing_since=NOW + timedelta(hours=1))) != first


def test_alerts_that_have_not_stopped_yet_do_not_open_it_again_at_once(engine: Engine) -> None:
    first = opened(engine)
    within(engine, lambda session: resolve_incident(session, first, note=""))
    set_resolved_at(engine, first, NOW + timedelta(minutes=1))
    assert opened(engine, now=NOW + timedelta(minutes=5)) == first
    assert row(engine, first).status is IncidentStatus.RESOLVED


def test_alerts_that_go_on_after_it_was_resolved_open_it_again(engine: Engine) -> None:
    first = opened(engine)
    within(engine, lambda session: resolve_incident(session, first, note=""))
    set_resolved_at(engine, first, NOW + timedelta(minutes=1))
    assert opened(engine, now=NOW + timedelta(hours=1)) == first
    found = row(engine, first)
    assert (found.status, found.resolved_at, found.closing_note) == (IncidentStatus.OPEN, None, None)
    assert told(engine, first) == ["incident_opened", "incident_resolved", "incident_reopened"]


def test_a_closed_incident_stays_closed(engine: Engine) -> None:
    incident = opened(engine, incident_id="INC-1")
    with transaction(engine) as session:
        session.execute(text("UPDATE incident SET status = 'closed', resolved_at = clock_timestamp()"))
    assert opened(engine, incident_id=incident, now=NOW + timedelta(days=1)) == incident
    assert row(engine, incident).status is IncidentStatus.CLOSED
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.execute(text("UPDATE incident SET status = 'open', resolved_at = NULL"))


def test_a_success_raises_the_effectiveness_and_never_lowers_it(engine: Engine) -> None:
    incident = opened(engine)
    for given, wanted in ((4, 4), (5, 5), (4, 5), (None, 5)):
        within(engine, lambda s, given=given: complete_outcome(s, incident, success=True, effectiveness=given))
        assert row(engine, incident).effectiveness_score == wanted


def test_a_failure_says_so_and_keeps_the_notes(engine: Engine) -> None:
    incident = opened(engine)
    within(engine, lambda s: complete_outcome(s, incident, success=True, effectiveness=4, note="first"))
    within(engine, lambda s: complete_outcome(s, incident, success=False, effectiveness=1, note="second"))
    found = row(engine, incident)
    assert (found.execution_success, found.effectiveness_score, found.learning_notes) == (False, 1, "first")


def test_completing_with_the_same_changes_nothing(engine: Engine) -> None:
    incident = opened(engine)
    go = lambda s: complete_outcome(s, incident, success=True, effectiveness=4, note="n")  # noqa: E731
    assert [within(engine, go), within(engine, go)] == [True, False]
    assert row(engine, incident).version == 2


def test_completing_an_incident_that_does_not_exist_changes_nothing(engine: Engine) -> None:
    assert not within(engine, lambda s: complete_outcome(s, "INC-0", success=True, effectiveness=4))


def test_an_effectiveness_beyond_its_range_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="effectiveness"):
        within(engine, lambda s: complete_outcome(s, "INC-0", success=True, effectiveness=6))


def test_a_resolved_incident_is_not_being_investigated(engine: Engine) -> None:
    incident = opened(engine)
    within(engine, lambda s: resolve_incident(s, incident, note=""))
    with pytest.raises(InvalidInput, match="resolved"):
        within(engine, lambda s: move_incident(s, incident, IncidentStatus.INVESTIGATING, actor="alice"))


def test_what_is_unresolved_can_be_listed_alone(engine: Engine) -> None:
    done, left = (
        opened(engine, incident_id="INC-1"),
        opened(engine, replace(FIRING, group_key="b"), incident_id="INC-2"),
    )
    within(engine, lambda s: resolve_incident(s, done, note=""))
    assert [one.id for one in within(engine, lambda s: list_incidents(s, unresolved=True))] == [left]
