"""Which flow runs nobody will finish."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from countersign.worker.identity import Identity
from flows.lost_runs import UNOWNED_SECONDS, is_lost

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OWNER = str(Identity(host="elsewhere", namespace="1", pid=7, started="9", worker="warm-1"))


def run(kind: StateType, *, pid: str | None, seconds: float = 0) -> FlowRun:
    state = State(type=kind, timestamp=NOW - timedelta(seconds=seconds))
    return FlowRun(flow_id=uuid4(), name="r", state=state, infrastructure_pid=pid)


@pytest.mark.parametrize(
    ("found", "alive", "lost"),
    [
        (run(StateType.RUNNING, pid=OWNER), {"warm-1"}, False),
        (run(StateType.RUNNING, pid=OWNER), {"warm-2"}, True),
        (run(StateType.PENDING, pid=OWNER), set(), True),
        (run(StateType.PENDING, pid=None, seconds=UNOWNED_SECONDS - 1), set(), False),
        (run(StateType.PENDING, pid=None, seconds=UNOWNED_SECONDS + 1), {"warm-1"}, True),
        (run(StateType.RUNNING, pid=None, seconds=1e6), set(), False),
        (run(StateType.PENDING, pid="another-kind-of-infrastructure", seconds=1e6), set(), False),
    ],
    ids=[
        "its worker is alive",
        "its worker is silent",
        "its worker died before it began",
        "pending for a moment",
        "pending, and nobody ever owned it",
        "running without an owner's name",
        "another kind of infrastructure",
    ],
)
def test_a_run_is_lost_when_nobody_is_left_to_finish_it(found: FlowRun, alive: set[str], lost: bool) -> None:
    assert is_lost(found, alive, now=NOW) is lost
