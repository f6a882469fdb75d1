"""The claim: whoever asks, however many at once, one gets it."""

import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from countersign.errors import NotFound, StaleFence
from countersign.records.approvals import cancel_approval, expire_due, get_approval
from countersign.records.claims import Claim, ClaimResult, claim, extend_lease, start_dry_run
from countersign.records.database.engine import connect, transaction
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of, executions_of
from countersign.records.settlement import settle
from countersign.records.states import ApprovalStatus
from tests.records.builders import approved, claims, end_lease, now, owned, pending, taken_over


def at_once(engine: Engine, approval_id: UUID, callers: int) -> list[Claim]:
    ready = Barrier(callers)

    def ask(number: int) -> Claim:
        with transaction(engine) as session:
            ready.wait()
            return claim(session, approval_id, worker=f"w{number}", flow_run_id=None, lease_seconds=30)

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(ask, range(callers)))


def test_twenty_claimers_at_once_are_one_owner_and_nineteen_who_know_him(engine: Engine) -> None:
    for _ in range(5):
        answers = at_once(engine, approved(engine), 20)
        winners = [answer for answer in answers if answer.result is ClaimResult.CLAIMED]
        assert len(winners) == 1
        assert {answer.execution_id for answer in answers} == {winners[0].execution_id}
        assert {answer.worker for answer in answers if answer.result is ClaimResult.HELD} == {winners[0].worker}
        assert sum(answer.result is ClaimResult.HELD for answer in answers) == 19


def test_a_dead_workers_execution_is_taken_over_by_one(engine: Engine) -> None:
    for _ in range(5):
        first = claims(engine, approved(engine))
        assert first.execution_id
        end_lease(engine, first.execution_id)
        answers = at_once(engine, first.approval_id, 10)
        winners = [answer for answer in answers if answer.result is ClaimResult.TAKEN_OVER]
        assert len(winners) == 1
        assert winners[0].owned
        assert winners[0].owned.fence == 2
        assert sum(answer.result is ClaimResult.HELD for answer in answers) == 9


def _claim_in_process(url: str, approval_id: UUID, number: int) -> str:
    engine = connect(url, timeout=5)
    try:
        return claims(engine, approval_id, worker=f"p{number}").result.value
    finally:
        engine.dispose()


def test_processes_exclude_each_other_too(engine: Engine, database_url: str) -> None:
    approval_id = approved(engine)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.starmap(_claim_in_process, [(database_url, approval_id, n) for n in range(12)])
    assert sorted(results) == ["claimed"] + ["held"] * 11


def test_the_claim_turns_approved_into_executing(engine: Engine) -> None:
    won = claims(engine, approved(engine), worker="host:1")
    with transaction(engine) as session:
        assert get_approval(session, won.approval_id).status is ApprovalStatus.EXECUTING
        execution = execution_of(session, won.approval_id)
    assert execution is not None
    assert (execution.worker, execution.fence, execution.owned) == ("host:1", 1, won.owned)


def test_a_second_claim_after_the_end_gets_the_first_outcome(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        done = settle(session, mine, outcome=Outcome.SUCCESS, report={})
    again = claims(engine, done.approval_id, worker="w2")
    assert (again.result, again.outcome, again.execution_id) == (
        ClaimResult.FINISHED,
        Outcome.SUCCESS,
        mine.execution_id,
    )
    assert again.owned is None


def test_a_pending_approval_cannot_be_claimed(engine: Engine) -> None:
    answer = claims(engine, pending(engine).id)
    assert (answer.result, answer.status) == (ClaimResult.NOT_CLAIMABLE, ApprovalStatus.PENDING)
    assert answer.reason == "the approval is pending"


def test_a_cancelled_approval_says_why_it_cannot_be_claimed(engine: Engine) -> None:
    approval_id = approved(engine)
    with transaction(engine) as session:
        cancel_approval(session, approval_id, by="alice", reason="not needed")
    answer = claims(engine, approval_id)
    assert answer.reason == "the approval is cancelled: cancelled by alice: not needed"


@pytest.mark.all_rights
def test_an_expired_approval_cannot_be_claimed_even_before_it_is_marked_expired(engine: Engine) -> None:
    approval_id = approved(engine, expires_at=now() + timedelta(seconds=30))
    with transaction(engine) as session:
        session.execute(text("UPDATE approval SET expires_at = clock_timestamp()"))
    answer = claims(engine, approval_id)
    assert answer.result is ClaimResult.NOT_CLAIMABLE
    assert re.fullmatch(r"the approval expired at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", answer.reason or "")
    with transaction(engine) as session:
        (marked,) = expire_due(session)
    assert claims(engine, approval_id).reason == answer.reason
    with transaction(engine) as session:
        assert get_approval(session, approval_id).rejection_reason == (answer.reason or "").removeprefix(
            "the approval "
        )
        assert marked == approval_id
        assert execution_of(session, approval_id) is None


def test_an_unknown_approval_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        claims(engine, uuid4())


def test_dry_runs_claim_nothing_and_can_be_many(engine: Engine) -> None:
    approval_id = approved(engine)
    with transaction(engine) as session:
        for _ in range(2):
            start_dry_run(session, approval_id, worker="w", flow_run_id="run", lease_seconds=30)
    assert claims(engine, approval_id).result is ClaimResult.CLAIMED
    with transaction(engine) as session:
        start_dry_run(session, approval_id, worker="w", flow_run_id=None, lease_seconds=30)
        assert [execution.dry_run for execution in executions_of(session, approval_id)].count(True) == 3
        assert execution_of(session, approval_id) is not None


def test_an_owner_keeps_his_execution_by_extending_the_lease(engine: Engine) -> None:
    mine = owned(engine)
    end_lease(engine, mine.execution_id)
    with transaction(engine) as session:
        until = extend_lease(session, mine, 60)
        approval_id = session.execute(text("SELECT approval_id FROM execution")).scalar_one()
    assert until > now() + timedelta(seconds=50)
    assert claims(engine, approval_id, worker="w2").result is ClaimResult.HELD


def test_an_owner_who_was_replaced_cannot_extend(engine: Engine) -> None:
    mine = owned(engine)
    taken_over(engine, mine, worker="w2")
    with pytest.raises(StaleFence, match=r"belongs to w2 now \(fence 2, ours: 1\)"), transaction(engine) as session:
        extend_lease(session, mine, 60)
