"""A flow that is cancelled at an awkward moment: what it had claimed is not left for somebody else to perform."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from logging import getLogger
from threading import Event

import pytest

from countersign.errors import ConfigurationError
from countersign.execution.run import Run
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from countersign.worker.turns import TURN, Turns
from flows import execute_approval as flow
from flows.narration import Narration
from tests.execution.conftest import Office
from tests.execution.test_on_the_sandbox import RESTART
from tests.records.builders import end_lease


@pytest.fixture(autouse=True)
def asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """What Prefect's server would say to whether a person cancelled the run."""
    answers = [True]

    async def answer() -> bool:
        return answers[0]

    monkeypatch.setattr("flows.cancelling.asked_for_by_a_person", answer)
    yield answers


async def cancelled_while_claiming(run: Run, claimed: Event, go_on: Event) -> None:
    running = asyncio.create_task(flow._execute(run, Narration(getLogger(__name__)), wait=False))
    await asyncio.to_thread(claimed.wait)
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_run_cancelled_while_it_claims_is_cancelled_and_not_taken_over(office: Office) -> None:
    claimed, go_on = Event(), Event()

    def wait(point: str) -> None:
        if point == "claimed":
            claimed.set()
            go_on.wait()

    run = Run(office.services, office.approved(RESTART), worker="w1", at=wait)
    asyncio.run(cancelled_while_claiming(run, claimed, go_on))
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status is ApprovalStatus.CANCELLED
    assert office.run(run.approval_id, worker="w2").outcome == "cancelled"
    assert office.cluster.requests.mutations() == []


def test_a_run_that_a_leaving_worker_had_to_cancel_is_taken_over_and_performed(
    office: Office, asked_for: list[bool]
) -> None:
    asked_for[0] = False
    claimed, go_on = Event(), Event()

    def wait(point: str) -> None:
        if point == "claimed":
            claimed.set()
            go_on.wait()

    run = Run(office.services, office.approved(RESTART), worker="w1", at=wait)
    asyncio.run(cancelled_while_claiming(run, claimed, go_on))
    end_lease(office.services.engine, run.known.owned.execution_id)
    assert office.run(run.approval_id, worker="w2").outcome == "success"
    assert len(office.cluster.requests.mutations()) == 1


def test_a_cancellation_is_not_forgotten_when_the_execution_was_lost_meanwhile(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def phases(_run: Run, _story: Narration) -> None:
        started.set()
        await asyncio.Event().wait()

    async def cancelled() -> None:
        running = asyncio.create_task(flow._execute(run, Narration(getLogger(__name__)), wait=False))
        await started.wait()
        end_lease(office.services.engine, run.known.owned.execution_id)
        assert Run(office.services, run.approval_id, worker="w2").claim() is None
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    started = asyncio.Event()
    monkeypatch.setattr(flow, "_phases", phases)
    run = Run(office.with_settings(follow_seconds=0).services, office.approved(RESTART), worker="w1")
    asyncio.run(cancelled())
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status is ApprovalStatus.EXECUTING


@pytest.mark.parametrize("person", [True, False])
def test_a_run_that_a_person_cancels_after_it_was_put_off_withdraws_the_approval(
    office: Office, monkeypatch: pytest.MonkeyPatch, asked_for: list[bool], person: bool
) -> None:
    reached = asyncio.Event()

    async def phases(_run: Run, _story: Narration) -> None:
        raise ConfigurationError("the block default is missing")

    async def last_lines(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def cancelled() -> None:
        running = asyncio.create_task(flow._execute_unless_cancelled(run, Narration(getLogger(__name__)), wait=False))
        await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asked_for[0] = person
    # The task's own function: without a Prefect server around it.
    monkeypatch.setattr(flow, "record", flow.record.fn)
    monkeypatch.setattr(flow, "_phases", phases)
    monkeypatch.setattr(flow, "_follow", last_lines)
    run = Run(office.services, office.approved(RESTART), worker="w1", flow_run_id="a run")
    asyncio.run(cancelled())
    with transaction(office.services.engine) as session:
        approval = get_approval(session, run.approval_id)
    assert approval.status is (ApprovalStatus.CANCELLED if person else ApprovalStatus.APPROVED)
    assert office.run(run.approval_id, worker="w2").outcome == ("cancelled" if person else "success")


def test_a_run_that_is_cancelled_while_it_is_put_off_withdraws_the_approval(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    settling, go_on = Event(), Event()

    async def phases(_run: Run, _story: Narration) -> None:
        raise ConfigurationError("the block default is missing")

    def settled(point: str) -> None:
        if point == "settled":
            settling.set()
            go_on.wait()

    async def cancelled() -> None:
        running = asyncio.create_task(flow._execute_unless_cancelled(run, Narration(getLogger(__name__)), wait=False))
        await asyncio.to_thread(settling.wait)
        running.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    # The task's own function: without a Prefect server around it.
    monkeypatch.setattr(flow, "record", flow.record.fn)
    monkeypatch.setattr(flow, "_phases", phases)
    run = Run(office.services, office.approved(RESTART), worker="w1", flow_run_id="a run", at=settled)
    asyncio.run(cancelled())
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status is ApprovalStatus.CANCELLED


def test_who_took_it_over_keeps_it_while_others_have_the_turns(office: Office) -> None:
    """It would be taken over by the next, and that one by the next again, for as long as the turns are others'."""
    office = office.with_settings(lease_seconds=1.5)
    run = Run(office.services, office.approved(RESTART), worker="w1")

    def kept_until() -> datetime | None:
        with transaction(office.services.engine) as session:
            found = execution_of(session, run.approval_id)
        return None if found is None else found.lease_until

    async def waited() -> None:
        turns = Turns(1)
        turn = await turns.take((datetime.now(UTC), run.approval_id))
        turn.leave()
        await turns.take((datetime.now(UTC), run.approval_id))
        TURN.set(turn)
        running = asyncio.create_task(flow._execute(run, Narration(getLogger(__name__)), wait=True))
        async with asyncio.timeout(60):
            while (first := kept_until()) is None:
                await asyncio.sleep(0.02)
            while kept_until() == first:
                await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(waited())
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status is ApprovalStatus.CANCELLED
