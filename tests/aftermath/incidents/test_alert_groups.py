"""A group of alerts is over when it says so itself and has left none out; every sender's form of it is read."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from countersign.aftermath.incidents.alertmanager import ALERTS_LIMIT, read_alerts
from countersign.aftermath.incidents.alerts import Became, Received, receive
from countersign.errors import InvalidInput
from countersign.records.alert_states import KEPT_LIMIT, SETTLING
from countersign.records.incidents import list_incidents
from countersign.records.states import IncidentStatus
from tests.aftermath.incidents.remembered import incident, within

NOW = datetime(2026, 11, 29, 13, tzinfo=UTC)
BEGAN, ENDED = "2026-11-29T10:00:17Z", "2026-11-29T12:50:28Z"
ZERO = "0001-01-01T00:00:00Z"
"""What Go writes for a time that is not set."""


def one(name: str = "Crash", *, over: bool = False, key: str | None = None, **labels: str) -> dict[str, Any]:
    """Return an alert of a webhook's notification."""
    said = {"alertname": name, **labels}
    return {
        "status": "resolved" if over else "firing",
        "labels": said,
        "annotations": {"summary": f"{name} on prod"},
        "startsAt": BEGAN,
        "endsAt": ENDED if over else ZERO,
        "generatorURL": "",
        "fingerprint": key or "-".join(said.values()),
    }


def group(*alerts: dict[str, Any], status: str | None = None, cut: int = 0, key: str = "{}:g") -> dict[str, Any]:
    """Return what the webhook sends (version 4), with the status of the alerts that it lists."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "receiver": "hook",
        "status": status or ("firing" if firing else "resolved"),
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://am:9093",
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": cut,
    }


def v2(name: str, *, state: str = "active", ends: str = "2026-11-29T13:05:00Z", **labels: str) -> dict[str, Any]:
    """Return an alert as GET /api/v2/alerts has it (gettableAlert)."""
    return {
        "annotations": {"summary": f"{name} on prod"},
        "endsAt": ends,
        "fingerprint": "-".join((name, *labels.values())),
        "receivers": [{"name": "hook"}],
        "startsAt": BEGAN,
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": state},
        "updatedAt": "2026-11-29T13:01:00Z",
        "generatorURL": "",
        "labels": {"alertname": name, **labels},
    }


def sent(engine: Engine, *payloads: Any, now: datetime = NOW) -> list[Received]:
    return [within(engine, lambda s, p=payload: receive(s, read_alerts(p), now=now)) for payload in payloads]


def statuses(engine: Engine) -> list[str]:
    return [row.status.value for row in within(engine, list_incidents)]


N1, N2 = one("DiskFull", node="n1"), one("DiskFull", node="n2")
N1_OVER, N2_OVER = one("DiskFull", over=True, node="n1"), one("DiskFull", over=True, node="n2")
Z1, Z2 = one("Latency", svc="a", zone="1"), one("Latency", svc="a", zone="2")
Z1_OVER, Z2_OVER = one("Latency", over=True, svc="a", zone="1"), one("Latency", over=True, svc="a", zone="2")
NO_MAPS = {**one(), "annotations": None}

CASES: dict[str, tuple[list[Any], list[str]]] = {
    "cut short, and the group goes on firing": (
        [group(N1, N2, cut=3), group(N1_OVER, N2_OVER, status="firing", cut=3)],
        ["open"],
    ),
    # Alertmanager cuts first, then makes the status of what is listed (notify/webhook/webhook.go).
    "cut short, and what is listed is over": ([group(N1, N2, cut=3), group(N1_OVER, N2_OVER, cut=3)], ["open"]),
    "not cut short any more": (
        [group(N1, N2, cut=3), group(N1_OVER, N2_OVER, cut=3), group(N1_OVER, N2_OVER)],
        ["resolved"],
    ),
    "all listed are over, the group goes on firing": ([group(N1), group(N1_OVER, status="firing")], ["open"]),
    "one vanished, and the group is over": ([group(N1, N2), group(N1_OVER)], ["resolved"]),
    "one is over, the other fires on": ([group(N1, N2), group(N1_OVER, N2)], ["open"]),
    "a plain list, then each is over alone": ([[Z1, Z2], Z1_OVER, Z2_OVER], ["resolved"]),
    "a plain list, then one is over alone": ([[Z1, Z2], Z1_OVER], ["open"]),
    "a plain list, then the other way round": ([[Z1, Z2], Z2_OVER, Z1_OVER], ["resolved"]),
    "two plain lists that share an alert": ([[Z1, N1], [Z1, Z2], [Z1_OVER, Z2_OVER], N1_OVER], ["resolved"]),
    "two alone, then both over in one list": ([Z1, N1, [Z1_OVER, N1_OVER]], ["resolved", "resolved"]),
    "without annotations": ([group(NO_MAPS)], ["open"]),
    "without any map but labels": (
        [{**group(NO_MAPS), "groupLabels": None, "commonLabels": None, "commonAnnotations": None}],
        ["open"],
    ),
    "labels changed, the alert is the same": (
        [group(one(key="f", pod="a")), group(one(key="f", pod="b")), group(one(key="f", pod="b", over=True))],
        ["resolved"],
    ),
    "labels changed, so it is another alert": (
        [group(one(pod="a")), group(one(pod="b")), group(one(pod="b", over=True))],
        ["resolved"],
    ),
    "v2: active and suppressed alerts fire": ([[v2("Slow"), v2("Slow", state="suppressed", pod="b")]], ["open"]),
    "v2: one that ended before it was asked for": (
        [[v2("Slow")], [v2("Slow", ends="2026-11-29T13:00:00Z")]],
        ["resolved"],
    ),
    "as it is posted to v2, without a status": (
        [
            [{"labels": {"alertname": "Slow"}, "startsAt": BEGAN}],
            [{"labels": {"alertname": "Slow"}, "startsAt": BEGAN, "endsAt": ENDED}],
        ],
        ["resolved"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_incident_ends_as_the_group_does(engine: Engine, name: str) -> None:
    deliveries, wanted = CASES[name]
    sent(engine, *deliveries)
    assert statuses(engine) == wanted


@pytest.mark.parametrize("never", ["", ZERO, None])
def test_a_time_that_is_not_set_is_none(engine: Engine, never: str | None) -> None:
    [got] = sent(engine, group({**one(), "startsAt": never, "endsAt": never}))
    assert got.incident is not None
    [kept] = incident(engine, got.incident.id).alerts.values()
    assert (kept["starts_at"], kept["ends_at"]) == (None, None)
    assert sent(engine, group({**one(over=True), "startsAt": never, "endsAt": never}))[0].became is Became.RESOLVED


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({**group(one()), "alerts": None}, "alerts"),
        (group({**one(), "labels": None}), "alerts.0.labels"),
        (group({**one(), "status": "gone"}), "alerts.0.status"),
        (group({**one(), "status": {"state": "gone"}}), "alerts.0.status"),
        (group({**one(), "status": None, "labels": []}), "alerts.0.labels"),
        (group(one(), status="half"), "status"),
        ({**group(one()), "truncatedAlerts": -1}, "truncatedAlerts"),
        ([one(), None], "alerts.1"),
        ([one(), 7], "alerts.1"),
        ([{"labels": {}, "receiver": {"name": "hook"}, "alerts": [v2("Slow")]}], "alerts"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_fields_name(payload: Any, field: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}:"):
        read_alerts(payload)


def test_of_more_alerts_than_the_limit_the_rest_is_counted(engine: Engine) -> None:
    many = [one(pod=str(number)) for number in range(ALERTS_LIMIT + 250)]
    [opened] = sent(engine, group(*many, cut=5))
    assert opened.incident is not None
    assert len(opened.incident.alerts) == ALERTS_LIMIT
    assert opened.incident.unlisted_alerts == 255
    over = [one(pod=str(number), over=True) for number in range(ALERTS_LIMIT + 250)]
    assert sent(engine, group(*over))[0].became is Became.RESOLVED
    assert incident(engine, opened.incident.id).unlisted_alerts == 0


def test_a_plain_list_beyond_the_limit_is_not_over_with_what_was_looked_at(engine: Engine) -> None:
    many = [one(pod=str(number)) for number in range(ALERTS_LIMIT + 2)]
    sent(engine, many, [one(pod=str(number), over=True) for number in range(ALERTS_LIMIT)])
    assert statuses(engine) == ["open"]


def test_an_incident_does_not_grow_without_end(engine: Engine) -> None:
    for number in range(4):
        sent(
            engine,
            group(*(one(pod=f"{number}-{at}", over=number < 3) for at in range(ALERTS_LIMIT)), status="firing"),
        )
    [row] = within(engine, list_incidents)
    assert len(row.alerts) == KEPT_LIMIT
    assert sum(alert["status"] == "firing" for alert in row.alerts.values()) == ALERTS_LIMIT


def test_what_the_alerts_disagree_on_is_no_label_of_the_incident(engine: Engine) -> None:
    [opened, _] = sent(engine, group(one(pod="a", zone="1")), group(one(pod="b", zone="1")))
    assert opened.incident is not None
    assert incident(engine, opened.incident.id).signals == {"alertname": "Crash", "zone": "1"}


def test_a_late_delivery_does_not_fire_again_what_is_over(engine: Engine) -> None:
    deliveries = [group(N1, N2), group(N1_OVER, N2), group(N1, N2), group(N2_OVER)]
    sent(engine, *deliveries)
    assert statuses(engine) == ["resolved"]


def test_what_goes_on_firing_long_after_it_was_over_is_believed(engine: Engine) -> None:
    """Prometheus was cut off, so Alertmanager let the alert end; it comes back as it was."""
    sent(engine, group(N1, N2), group(N1_OVER, N2))
    sent(engine, group(N1, N2), now=NOW + SETTLING + timedelta(minutes=1))
    [row] = within(engine, list_incidents)
    assert {alert["status"] for alert in row.alerts.values()} == {"firing"}


def test_an_end_that_is_older_than_the_beginning_is_that_of_an_earlier_time(engine: Engine) -> None:
    again = {**N1, "startsAt": "2026-11-29T12:55:00Z"}
    sent(engine, group(again), group(N1_OVER))
    assert statuses(engine) == ["open"]
    sent(engine, group({**N1_OVER, "startsAt": again["startsAt"], "endsAt": "2026-11-29T12:59:00Z"}))
    assert statuses(engine) == ["resolved"]


@pytest.mark.parametrize("payload", [group(Z1, Z2), [Z1, Z2]], ids=["group", "list"])
def test_of_several_deliveries_at_once_one_opens_the_incident(engine: Engine, payload: Any) -> None:
    ready = Barrier(6)

    def go(number: int) -> str:
        ready.wait()
        return sent(engine, payload if number % 2 else [Z2] if isinstance(payload, list) else group(Z2))[0].became

    with ThreadPoolExecutor(6) as pool:
        became = sorted(pool.map(go, range(6)))
    assert became == ["opened"] + ["refreshed"] * 5
    assert statuses(engine) == ["open"]


@pytest.mark.parametrize("whole", [True, False], ids=["group", "list"])
def test_of_several_ends_at_once_one_resolves_the_incident(engine: Engine, *, whole: bool) -> None:
    sent(engine, group(Z1, Z2) if whole else [Z1, Z2])
    ready = Barrier(6)

    def go(number: int) -> str:
        ready.wait()
        part = Z1_OVER if number % 2 else Z2_OVER
        return sent(engine, group(part, status="firing" if number < 2 else None) if whole else part)[0].became

    with ThreadPoolExecutor(6) as pool:
        became = list(pool.map(go, range(6)))
    assert became.count("resolved") == 1
    assert statuses(engine) == ["resolved"]


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_in_whatever_order_a_groups_deliveries_come_it_ends_the_same(engine: Engine, data: st.DataObject) -> None:
    """What was sent once everything was over ends it; what was sent before does not bring it back."""
    grouped = data.draw(st.booleans(), label="with a group's key")
    run = uuid4().hex
    alerts = [{"run": run, "pod": pod} for pod in "abc"]
    over: list[str] = []
    deliveries: list[Any] = [[one(**labels) for labels in alerts]]
    for ended in data.draw(st.permutations("abc"), label="they end"):
        over.append(ended)
        deliveries.append([one(over=labels["pod"] in over, **labels) for labels in alerts])
    late = data.draw(st.permutations(deliveries[1:] + data.draw(st.lists(st.sampled_from(deliveries), max_size=3))))
    received = sent(engine, *(group(*each, key=run) if grouped else each for each in [deliveries[0], *late]))
    names = {each.incident.id for each in received if each.incident is not None}
    assert [incident(engine, name).status for name in names] == [IncidentStatus.RESOLVED]


@pytest.mark.parametrize("order", [*permutations([Z1_OVER, Z2_OVER, one("Latency", over=True, svc="b", zone="1")])])
def test_those_of_a_list_may_end_in_any_order(engine: Engine, order: tuple[dict[str, Any], ...]) -> None:
    received = sent(engine, [Z1, Z2, one("Latency", svc="b", zone="1")], *order)
    assert [each.became.value for each in received] == ["opened", "refreshed", "refreshed", "resolved"]
