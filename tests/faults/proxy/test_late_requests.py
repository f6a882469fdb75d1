"""A request that arrives when its execution has its outcome: the record is corrected, and people are told."""

import asyncio

import pytest

from countersign.actions.operation import Verb
from countersign.execution.report import Report
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.timeline import events_of
from flows.reconcile import PARTS
from flows.rounds import Context, go_round
from tests.faults.proxy.faults import EVERY_ATTEMPT_LATE
from tests.faults.proxy.harness import Arena, Played, playing
from tests.faults.proxy.jobs import JOBS, Job
from tests.faults.proxy.judge import Expectation, wrongs
from tests.faults.proxy.places import writes_of

NEED_PREFECT = {"lost_run", "never_started", "abandoned", "open_step"}
"""Parts that start runs or look at them; a settled execution is not theirs."""
TIMEOUT_SECONDS = 2.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--whole-matrix", default=False)
    jobs = [job for job in JOBS if whole or job.name in ("restart", "delete pod")]
    metafunc.parametrize("job", jobs, ids=[job.name for job in jobs])


def test_the_record_is_corrected_when_a_request_arrives_after_the_last_attempt(arena: Arena, job: Job) -> None:
    late = [(write, EVERY_ATTEMPT_LATE) for write in writes_of(job)]
    with playing(arena, job, *late, timeout=TIMEOUT_SECONDS) as played:
        assert played.report.outcome in ("failed", "unknown")
        assert sum(played.effects.times.values()) == 1
        _, before = recorded(arena, played)
        parts = [part for part in PARTS if part.name not in NEED_PREFECT]
        asyncio.run(go_round(parts, Context(arena.office.services, "reconciler", here=True)))
        report, told = recorded(arena, played)
    # An object or a field that is gone names nobody. A drain whose cordon came late has evicted nobody.
    gone = job.verb in (Verb.DELETE, Verb.DRAIN, Verb.RESUME, Verb.UNCORDON)
    assert report.outcome != "failed" or played.effects.undone
    expected = Expectation(may_be_unknown=gone, has_to_succeed=not gone and not played.effects.undone)
    assert list(wrongs(report, played.effects, expected)) == []
    assert told > before


def recorded(arena: Arena, played: Played) -> tuple[Report, int]:
    """Return the report on record, and how many events the timeline has."""
    with transaction(arena.office.services.engine) as session:
        execution = execution_of(session, played.approval_id)
        assert execution is not None
        return Report.model_validate(execution.report), len(events_of(session, approval_id=played.approval_id))
