"""Settling: one transaction, one outcome, everything that follows from it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from countersign.errors import CountersignError, StaleFence
from countersign.records.approvals import get_approval
from countersign.records.claims import start_dry_run
from countersign.records.database.engine import transaction
from countersign.records.operation_log import LogFacts, close_settled, log_of, open_log, open_logs
from countersign.records.outcomes import Outcome, approval_status_after, log_status_after
from countersign.records.queries import execution_of, get_execution
from countersign.records.settlement import settle
from countersign.records.states import ApprovalStatus, LogStatus
from countersign.records.timeline import events_of
from tests.records.builders import approved, owned, taken_over

EFFECTIVE = [outcome for outcome in Outcome if outcome is not Outcome.DRY_RUN]


@pytest.mark.parametrize("outcome", EFFECTIVE)
def test_every_outcome_reaches_approval_log_and_timeline(engine: Engine, outcome: Outcome) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        open_log(session, mine.execution_id, actor="w1", input={"action": "x"})
    error = None if outcome.is_success else "it did not work"
    with transaction(engine) as session:
        done = settle(
            session,
            mine,
            outcome=outcome,
            error=error,
            stderr="oops",
            report={"outcome": outcome.value},
            facts=LogFacts(operation_type="scale", target="Deployment a/api", namespace="a", attempts=2, tags=["t"]),
        )
    with transaction(engine) as session:
        approval = get_approval(session, done.approval_id)
        log = log_of(session, mine.execution_id)
        last = events_of(session, approval_id=done.approval_id)[-1]
        execution = get_execution(session, mine.execution_id)
    assert approval.status is approval_status_after(outcome)
    waits = outcome is Outcome.POSTPONED
    assert (approval.rejection_reason is None) == (outcome.is_success or waits)
    assert error is None or error in (approval.rejection_reason or approval.waiting_reason or "")
    assert waits == (approval.waiting_until is not None)
    assert log is not None
    assert log.status is log_status_after(outcome, dry_run=False)
    assert (log.operation_type, log.target, log.namespace, log.attempts) == ("scale", "Deployment a/api", "a", 2)
    assert (log.input, log.tags, log.stderr_feed_back, log.error) == ({"action": "x"}, ["t"], "oops", error)
    assert log.duration_ms is not None
    assert log.duration_ms >= 0
    assert last.type == "execution_settled"
    assert (execution.outcome, execution.report) == (outcome, {"outcome": outcome.value})


def test_an_unknown_outcome_says_on_the_approval_that_it_is_unknown(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        done = settle(session, mine, outcome=Outcome.UNKNOWN, error="the reply was lost", report={})
        assert "unknown" in (get_approval(session, done.approval_id).rejection_reason or "")


def test_a_log_that_was_never_opened_is_written_when_settling(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={}, facts=LogFacts(operation_type="scale"))
        log = log_of(session, mine.execution_id)
    assert log is not None
    assert (log.status, log.operation_type) == (LogStatus.SUCCESS, "scale")
    assert "action" in log.input


def test_settling_twice_keeps_the_first_report(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        first = settle(session, mine, outcome=Outcome.SUCCESS, report={"n": 1})
    with transaction(engine) as session:
        second = settle(session, mine, outcome=Outcome.SUCCESS, report={"n": 2})
        told = [event.type for event in events_of(session, approval_id=first.approval_id)]
    assert (first.first, second.first) == (True, False)
    assert (second.report, second.settled_at) == ({"n": 1}, first.settled_at)
    assert told.count("execution_settled") == 1


def test_settling_differently_is_refused(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
    with pytest.raises(StaleFence, match="settled as success"), transaction(engine) as session:
        settle(session, mine, outcome=Outcome.FAILED, error="x", report={})


def test_an_owner_who_was_replaced_cannot_settle_not_even_the_same(engine: Engine) -> None:
    old = owned(engine)
    new = taken_over(engine, old)
    with pytest.raises(StaleFence), transaction(engine) as session:
        settle(session, old, outcome=Outcome.SUCCESS, report={})
    with transaction(engine) as session:
        settle(session, new, outcome=Outcome.SUCCESS, report={})
    with pytest.raises(StaleFence), transaction(engine) as session:
        settle(session, old, outcome=Outcome.SUCCESS, report={})


def test_of_many_settlements_at_once_one_counts(engine: Engine) -> None:
    mine = owned(engine)
    ready = Barrier(8)

    def end(number: int) -> Outcome | None:
        outcome = Outcome.SUCCESS if number % 2 else Outcome.FAILED
        ready.wait()
        try:
            with transaction(engine) as session:
                return settle(session, mine, outcome=outcome, error="e", report={"by": number}).outcome
        except CountersignError:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(end, range(8)))
    assert len({answer for answer in answers if answer}) == 1
    assert answers.count(None) == 4


def test_a_dry_run_leaves_the_approval_alone(engine: Engine) -> None:
    approval_id = approved(engine)
    for outcome in (Outcome.DRY_RUN, Outcome.BLOCKED):
        with transaction(engine) as session:
            dry = start_dry_run(session, approval_id, worker="w", flow_run_id=None, lease_seconds=30)
            settle(session, dry.owned, outcome=outcome, error="frozen", report={})
            log = log_of(session, dry.id)
            assert log is not None
            assert log.status is LogStatus.DRY_RUN
            assert get_approval(session, approval_id).status is ApprovalStatus.APPROVED
            assert execution_of(session, approval_id) is None


def test_only_a_dry_run_can_end_as_one(engine: Engine) -> None:
    mine = owned(engine)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        settle(session, mine, outcome=Outcome.DRY_RUN, report={})


def test_a_long_error_is_shortened_and_keeps_both_ends(engine: Engine) -> None:
    mine = owned(engine)
    error = "begin" + "x" * 50_000 + "end\x00"
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.FAILED, error=error, stderr=error, report={"e": error})
        log = log_of(session, mine.execution_id)
    assert log is not None
    assert log.error is not None
    assert log.stderr_feed_back is not None
    assert (len(log.error), len(log.stderr_feed_back)) == (2000, 8000)
    assert log.error.startswith("begin")
    assert log.error.endswith("end\ufffd")


def test_a_settlement_that_fails_half_way_leaves_nothing(engine: Engine) -> None:
    mine = owned(engine)
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
        raise ZeroDivisionError
    with transaction(engine) as session:
        execution = get_execution(session, mine.execution_id)
        assert execution.outcome is None
        assert get_approval(session, execution.approval_id).status is ApprovalStatus.EXECUTING
        assert log_of(session, mine.execution_id) is None


def test_reconciliation_closes_a_log_that_stayed_open(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        open_log(session, mine.execution_id, actor="w1", operation_type="scale")
        # As if an older version had settled without closing.
        session.execute(text("UPDATE execution SET outcome = 'failed', settled_at = clock_timestamp(), error = 'x'"))
        assert len(open_logs(session)) == 1
    with transaction(engine) as session:
        assert close_settled(session) == [mine.execution_id]
        assert close_settled(session) == []
        log = log_of(session, mine.execution_id)
    assert log is not None
    assert (log.status, log.operation_type, log.tags) == (LogStatus.FAILED, "scale", ["repaired"])


def test_a_log_is_not_opened_after_the_outcome(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
        open_log(session, mine.execution_id, actor="late")
        assert open_logs(session) == []
