"""Which flow runs nobody will finish."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker

from countersign.worker.contact import GAP, Contact
from countersign.worker.identity import Identity
from countersign.worker.lost import UNOWNED_SECONDS, is_lost

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
OWNER = str(Identity(host="elsewhere", namespace="1", pid=7, started="9", worker="warm-1"))
SUCCESSOR = Identity(host="elsewhere", namespace="1", pid=8, started="9", worker="warm-2")
ANOTHER_KIND = "another-kind-of-infrastructure"


def seconds_ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def run(kind: StateType, *, pid: str | None, seconds: float = 0, claim: str | None = None) -> FlowRun:
    state = State(type=kind, timestamp=seconds_ago(seconds), message=claim)
    return FlowRun(flow_id=uuid4(), name="r", state=state, infrastructure_pid=pid)


def heard(name: str, seconds: float) -> dict[str, Worker]:
    """A worker that Prefect heard of `seconds` ago; it speaks every 10 s."""
    worker = Worker(
        name=name, work_pool_id=uuid4(), last_heartbeat_time=seconds_ago(seconds), heartbeat_interval_seconds=10
    )
    return {name: worker}


@pytest.mark.parametrize(
    ("found", "workers", "lost"),
    [
        (run(StateType.RUNNING, pid=OWNER), heard("warm-1", 29), False),
        (run(StateType.RUNNING, pid=OWNER), heard("warm-1", 31), True),
        (run(StateType.RUNNING, pid=OWNER), heard("warm-2", 1), True),
        (run(StateType.PENDING, pid=OWNER), {}, True),
        (run(StateType.PENDING, pid=None, claim=OWNER), heard("warm-1", 29), False),
        (run(StateType.PENDING, pid=None, claim=OWNER), heard("warm-1", 31), True),
        (run(StateType.PENDING, pid=OWNER, claim=str(SUCCESSOR)), heard("warm-2", 29), False),
        (run(StateType.PENDING, pid=None, seconds=UNOWNED_SECONDS - 1), {}, False),
        (run(StateType.PENDING, pid=None, seconds=UNOWNED_SECONDS + 1), heard("warm-1", 1), True),
        (run(StateType.RUNNING, pid=None, seconds=1e6), {}, False),
        (run(StateType.PENDING, pid=ANOTHER_KIND, seconds=1e6), {}, False),
    ],
    ids=[
        "its worker was heard of",
        "its worker is silent",
        "its worker is forgotten",
        "its worker died before it began",
        "claimed by a worker that was heard of",
        "claimed by a worker that is silent",
        "claimed again, with its former owner's name still on it",
        "pending for a moment",
        "pending, and nobody ever owned it",
        "running without an owner's name",
        "another kind of infrastructure",
    ],
)
def test_a_run_is_lost_when_nobody_is_left_to_finish_it(
    found: FlowRun, workers: dict[str, Worker], lost: bool
) -> None:
    assert is_lost(found, workers, up_since=LONG_AGO, now=NOW) is lost


HERE = Identity(host="here", namespace="2", pid=3, started="8", worker="warm-1")


@pytest.mark.parametrize(
    ("here", "lost"),
    [(HERE, True), (replace(HERE, worker="warm-2"), False), (replace(HERE, host="elsewhere", namespace="1"), False)],
    ids=["its name is another host's now", "another worker looks", "on the same host the process table tells"],
)
def test_a_run_of_a_worker_that_was_replaced_under_its_name_is_lost(here: Identity, lost: bool) -> None:
    found = run(StateType.RUNNING, pid=OWNER)
    assert is_lost(found, heard("warm-1", 1), up_since=LONG_AGO, now=NOW, here=here) is lost


@pytest.mark.parametrize(
    "found",
    [run(StateType.RUNNING, pid=OWNER), run(StateType.PENDING, pid=None, seconds=1e6)],
    ids=["its worker was last heard of before the outage", "pending since before the outage"],
)
def test_no_run_is_lost_before_the_server_could_hear_its_worker_again(found: FlowRun) -> None:
    workers = heard("warm-1", 3600)
    assert not is_lost(found, workers, up_since=seconds_ago(29), now=NOW)
    assert is_lost(found, workers, up_since=seconds_ago(UNOWNED_SECONDS + 1), now=NOW)


def contact(*ages: float) -> Contact:
    """Answers of the server, so many seconds ago."""
    found = Contact()
    for age in sorted(ages, reverse=True):
        found.heard(seconds_ago(age))
    return found


def test_the_server_is_up_since_the_first_of_the_answers_without_a_gap() -> None:
    gap = GAP.total_seconds()
    assert contact(5, 20, 35, 35 + gap + 1, 200).since(NOW) == seconds_ago(35)


def test_without_answers_nothing_is_known_of_the_server() -> None:
    lost = contact(5, 10)
    lost.lost()
    for found in (contact(), contact(GAP.total_seconds() + 1), lost):
        assert found.since(NOW) == NOW
