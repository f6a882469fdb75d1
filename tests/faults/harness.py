"""Play one cell: a real process executes and is lost, reconciliation settles, and the invariants are looked at."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.audit.verifying import verify
from countersign.execution.manual_settlement import settle_by_hand
from countersign.execution.reconciliation import settle_abandoned
from countersign.execution.report import Report
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.journal import entries
from countersign.records.operation_log import open_logs
from countersign.records.outcomes import Outcome
from countersign.records.queries import abandoned, execution_of
from countersign.records.states import ApprovalStatus
from tests.faults.cells import Cell, HostFault, Way
from tests.faults.dying import Orders, execute_and_die
from tests.faults.ground import Ground, HostGround, repeated, state_letter
from tests.faults.waiting import PATIENCE_SECONDS, until

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.faults.dying"])


@dataclass(frozen=True)
class Played:
    """What became of a cell."""

    outcome: str
    """Before a person said what an unknown one was."""
    recovered_seconds: float
    """From the loss of the process to the settled outcome."""


@dataclass(frozen=True)
class Lost:
    """A process that was killed or stopped."""

    process: Any
    hears: Connection

    def go_on(self, *, outcome: str) -> None:
        """Continue the stopped process; it has to find that it lost, and to end with the winner's answer."""
        os.kill(self.process.pid, signal.SIGCONT)
        assert self.hears.poll(PATIENCE_SECONDS), "the continued process said nothing"
        told, refused = self.hears.recv()
        self.process.join(PATIENCE_SECONDS)
        assert refused == [True], "the write of a process that had lost its execution was not refused"
        assert told == outcome

    def end(self) -> None:
        """Leave no process behind."""
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(PATIENCE_SECONDS)
        self.hears.close()


def lose(ground: Ground, cell: Cell, approval_id: UUID, *, at: str | None, nth: int = 1) -> Lost:
    """Start a process that executes, and lose it."""
    stops = cell.moment.way is Way.STOPPED
    orders = Orders(
        place=ground.place,
        approval_id=str(approval_id),
        point=at,
        nth=nth,
        signal=signal.SIGSTOP if stops else signal.SIGKILL,
    )
    hears, tells = _processes.Pipe(duplex=False)
    process = _processes.Process(target=execute_and_die, args=(orders, tells), daemon=True)
    process.start()
    tells.close()
    assert process.pid is not None
    if cell.moment.way is Way.KILLED_WAITING:
        until(ground.something_waits, "a request waits")
        os.kill(process.pid, signal.SIGKILL)
    if stops:
        until(lambda: state_letter(process.pid) == "T", "the process is stopped")
    else:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
    return Lost(process, hears)


def recover(ground: Ground, approval_id: UUID) -> Report:
    """Let reconciliation work until the execution is settled."""

    def is_settled() -> bool:
        settle_abandoned(ground.services, worker="reconciler")
        with transaction(ground.services.engine) as session:
            execution = execution_of(session, approval_id)
            return execution is not None and execution.settled_at is not None

    until(is_settled, "the execution is settled")
    with transaction(ground.services.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        return Report.model_validate(execution.report)


def play(cell: Cell, ground: Ground) -> Played:
    """Play `cell` and check every invariant."""
    approval_id = ground.prepare(cell.job)
    ground.disturb(cell)
    lost = lose(ground, cell, approval_id, at=cell.moment.point, nth=cell.nth)
    try:
        began = time.monotonic()
        if cell.moment.way is Way.KILLED_TWICE:
            until(lambda: _has_abandoned(ground), "the lease is over")
            lose(ground, cell, approval_id, at=cell.moment.then).end()
        if cell.moment.release == "before":
            ground.release()
        if cell.moment.fault is HostFault.HALF:
            assert isinstance(ground, HostGround)
            ground.happen_by_half()
        if _is_waited_for(cell, ground):
            report = _recover_with_release(ground, approval_id)
        else:
            report = recover(ground, approval_id)
        took = time.monotonic() - began
        if cell.moment.release == "after":
            ground.release()
        ground.come_to_rest()
        if cell.moment.way is Way.STOPPED:
            written = journal(ground, approval_id)
            lost.go_on(outcome=report.outcome)
            assert journal(ground, approval_id) == written, "a former owner wrote to the journal"
    finally:
        lost.end()
    check(ground, cell, approval_id, report)
    return Played(report.outcome, took)


def _is_waited_for(cell: Cell, ground: Ground) -> bool:
    """On a host a command that still runs is seen, and what changes something is waited for."""
    return cell.moment.release == "after" and isinstance(ground, HostGround) and bool(cell.job.effects)


def _recover_with_release(ground: Ground, approval_id: UUID) -> Report:
    """Let what waits go on once reconciliation has seen that it runs."""
    with ThreadPoolExecutor(1) as pool:
        recovering = pool.submit(recover, ground, approval_id)
        try:
            until(ground.is_being_looked_at, "reconciliation looks for what still runs")
        finally:
            ground.release()
        return recovering.result()


def check(ground: Ground, cell: Cell, approval_id: UUID, report: Report) -> None:
    """Assert what has to hold however the process was lost."""
    effects = ground.effects()
    assert not repeated(effects), f"an effect happened more than once: {repeated(effects)}"
    if cell.may_be_unknown:
        assert report.outcome == "unknown", report.message
        report = settled_by_a_person(ground, cell, approval_id)
    else:
        assert report.outcome == cell.job.outcome, f"{report.outcome}: {report.message}"
        expected = ground.expected(cell.job, report)
        found = len(effects) if isinstance(expected, int) else effects
        assert found == expected, "the report's steps are not what the target saw"
    with transaction(ground.services.engine) as session:
        status = ApprovalStatus.EXECUTED if report.success else ApprovalStatus.FAILED
        assert get_approval(session, approval_id).status is status
        check_nothing_is_left(session)
    fences = [fence for _, fence in journal(ground, approval_id)]
    assert fences == sorted(fences), "a former owner wrote after its successor"
    assert settle_abandoned(ground.services, worker="again") == []


def settled_by_a_person(ground: Ground, cell: Cell, approval_id: UUID) -> Report:
    """Do what docs/reliability.md asks of a person: look at the target, and say what is there."""
    outcome = Outcome.SUCCESS if ground.effects() == list(cell.job.effects) else Outcome.FAILED
    with transaction(ground.services.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        return settle_by_hand(session, execution.id, outcome=outcome, reason="looked at the host", by="alice")


def check_nothing_is_left(session: Session) -> None:
    """Assert that no target is held, no log row is open, no execution abandoned, and that the audit agrees."""
    held = session.execute(text("SELECT count(*) FROM target_hold WHERE released_at IS NULL")).scalar_one()
    assert held == 0, "a target stays held"
    assert not open_logs(session), "an operation log row stays open"
    assert not abandoned(session), "an execution stays abandoned"
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    assert verify(engine, verifier=None, saved=None).findings == (), "the audit and the records disagree"


def journal(ground: Ground, approval_id: UUID) -> list[tuple[int | None, int]]:
    """Return number and fence of each entry of the approval's journal."""
    with transaction(ground.services.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        return [(entry.seq, entry.fence) for entry in entries(session, execution.id)]


def _has_abandoned(ground: Ground) -> bool:
    with transaction(ground.services.engine) as session:
        return bool(abandoned(session))
