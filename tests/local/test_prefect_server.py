"""Prefect's server as `countersign up` runs it keeps what it is told, and lets in nobody else for it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.types import DateTime

from countersign.local.server_connections import plain
from tests.prefect_server import login

PATIENCE = 120.0


@pytest.fixture
def http(prefect_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=prefect_server, auth=login(prefect_server), timeout=30) as client:
        yield client


def found(http: httpx.Client, what: str, asked: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Return what is on record, once there is as much as is waited for."""
    give_up = time.monotonic() + PATIENCE
    while True:
        answer = http.post(f"/{what}/filter", json=asked).raise_for_status().json()
        rows = answer["events"] if what == "events" else answer
        if len(rows) >= number or time.monotonic() > give_up:
            return list(rows)
        time.sleep(0.2)


def test_what_workers_tell_of_tasks_is_kept(http: httpx.Client) -> None:
    task, at = str(uuid4()), datetime.now(UTC)
    told = [
        {
            "id": str(uuid4()),
            "occurred": (at + timedelta(milliseconds=number)).isoformat(),
            "event": f"prefect.task-run.{state.capitalize()}",
            "resource": {"prefect.resource.id": f"prefect.task-run.{task}", "prefect.orchestration": "client"},
            "related": [{"prefect.resource.id": "prefect.tag.one", "prefect.resource.role": "tag"}],
            "payload": {
                "validated_state": {"type": state, "name": state.capitalize()},
                "task_run": {"task_key": "told", "dynamic_key": task, "name": "told", "run_count": 1},
            },
        }
        for number, state in enumerate(("RUNNING", "COMPLETED"))
    ]
    http.post("/events", json=told).raise_for_status()

    (row,) = found(http, "task_runs", {"task_runs": {"id": {"any_": [task]}}}, 1)
    assert (row["name"], row["state_type"]) == ("told", "COMPLETED")
    kept = found(http, "events", {"filter": {"resource": {"id": [f"prefect.task-run.{task}"]}}}, 2)
    when = {each["event"]: datetime.fromisoformat(each["occurred"]) for each in kept}
    assert when == {each["event"]: datetime.fromisoformat(str(each["occurred"])) for each in told}
    # What it is related to is found by that.
    related = {"filter": {"any_resource": {"id": ["prefect.tag.one"]}, "event": {"name": [told[0]["event"]]}}}
    assert found(http, "events", related, 1)


def test_times_are_sent_as_the_same_moments() -> None:
    at = DateTime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
    sent = plain((at, "a text", None, datetime(2026, 1, 1, tzinfo=UTC)))
    assert sent == (at, "a text", None, datetime(2026, 1, 1, tzinfo=UTC))
    assert {type(each) for each in sent} == {datetime, str, type(None)}
