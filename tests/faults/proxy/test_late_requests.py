"""A request that arrives when its execution has its outcome: the record is corrected, and people are told."""

import asyncio

import pytest

from countersign.records.database import transaction
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of
from countersign.records.timeline import events_of
from flows.reconcile import PARTS
from flows.rounds import Context, go_round
from tests.faults.proxy.faults import EVERY_ATTEMPT_LATE
from tests.faults.proxy.harness import Arena, Played, play
from tests.faults.proxy.jobs import JOBS, Job
from tests.faults.proxy.places import writes_of

NEED_PREFECT = {"lost_run", "never_started", "abandoned", "open_step"}
"""Parts that start runs or look at them; a settled execution is not theirs."""
TIMEOUT_SECONDS = 2.0


class NotCorrected(AssertionError):
    """The record still says what is not true any more."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--whole-matrix", default=False)
    jobs = [job for job in JOBS if whole or job.name in ("restart", "delete pod")]
    metafunc.parametrize("job", jobs, ids=[job.name for job in jobs])


@pytest.mark.xfail(
    raises=NotCorrected,
    strict=True,
    reason="no part of reconciliation looks again at an execution that failed with a request nobody answered",
)
def test_the_record_is_corrected_when_a_request_arrives_after_the_last_attempt(arena: Arena, job: Job) -> None:
    played = play(arena, job, *((write, EVERY_ATTEMPT_LATE) for write in writes_of(job)), timeout=TIMEOUT_SECONDS)
    assert played.report.outcome in ("failed", "unknown")
    assert set(played.effects.times.values()) == {1}
    _, before = recorded(arena, played)
    parts = [part for part in PARTS if part.name not in NEED_PREFECT]
    asyncio.run(go_round(parts, Context(arena.office.services, "reconciler", here=True)))
    outcome, told = recorded(arena, played)
    if outcome is not Outcome.SUCCESS or told == before:
        raise NotCorrected(f"{outcome}, and {told - before} events told")


def recorded(arena: Arena, played: Played) -> tuple[Outcome | None, int]:
    """Return the outcome on record, and how many events the timeline has."""
    with transaction(arena.office.services.engine) as session:
        execution = execution_of(session, played.approval_id)
        assert execution is not None
        return execution.outcome, len(events_of(session, approval_id=played.approval_id))
