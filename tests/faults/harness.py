"""Play one cell: a real process executes and is lost, reconciliation settles, and the invariants are looked at."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from countersign.execution.filing import Request, file_request
from countersign.execution.reconciling import settle_abandoned
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.execution.signing import sign_approval
from countersign.execution.straight import execute
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database import transaction
from countersign.records.journal import entries
from countersign.records.operation_log import open_logs
from countersign.records.queries import abandoned, execution_of
from countersign.records.states import ApprovalStatus
from countersign.sandbox.cluster import Fault, SandboxCluster
from countersign.sandbox.demo.household import PEOPLE, Household
from countersign.targets.kubernetes.connection import connect as open_connection
from tests.faults.cells import Cell, Way
from tests.faults.dying import Orders, execute_and_die, services

PATIENCE_SECONDS = 60.0
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.faults.dying"])


@dataclass(frozen=True)
class Played:
    """What became of a cell."""

    outcome: str
    effects: int
    """Requests that changed the target, by its own log."""
    recovered_seconds: float
    """From the loss of the process to the settled outcome."""


class Ground:
    """A cluster, a database and people, for one cell."""

    def __init__(self, database_url: str, cluster: SandboxCluster, household: Household) -> None:
        self.database_url, self.cluster, self.household = database_url, cluster, household
        self.services: Services = services(database_url, cluster.kubeconfig, household.policy, lease_seconds=30)

    def approved(self, action: str) -> UUID:
        """File `action` and have it signed."""
        request = Request(action=action, requested_by="carol", risk_level="high")
        with transaction(self.services.engine) as session:
            approval = file_request(session, request, policy=self.services.policy, now=datetime.now(UTC)).approval
            for name in PEOPLE[: approval.required_signatures]:
                key = self.household.keys[name]
                sign_approval(session, self.services, approval, signer=name, key=key, decision=Decision.APPROVE)
            return approval.id

    def prepare(self, cell: Cell) -> UUID:
        """Bring the cluster to where the cell begins, and return the approval to be executed."""
        if cell.job.before is not None:
            done = execute(Run(self.services, self.approved(cell.job.before), worker="before"))
            assert done.outcome == "success", done.message
        action = cell.job.action
        if "{pod}" in action:
            with open_connection(self.services.the_cluster(), request_timeout=5) as connection:
                pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
            names = [pod["metadata"]["name"] for pod in pods]
            action = action.replace("{pod}", next(name for name in names if name.startswith("api-")))
        self.cluster.settle()
        self.cluster.log.clear()
        return self.approved(action)

    def lose(self, cell: Cell, approval_id: UUID, *, at: str | None, nth: int = 1) -> "Lost":
        """Start a process that executes, and lose it."""
        moment = cell.moment
        stops = moment.way is Way.STOPPED
        orders = Orders(
            database_url=self.database_url,
            kubeconfig=self.cluster.kubeconfig,
            policy=self.household.policy,
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
        if moment.way is Way.KILLED_WAITING:
            until(lambda: any(fault.waiting for fault in self.cluster.faults.active()), "a request waits")
            os.kill(process.pid, signal.SIGKILL)
        if stops:
            until(lambda: _state(process.pid) == "T", "the process is stopped")
        else:
            process.join(PATIENCE_SECONDS)
            assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
        return Lost(process, hears)

    def recover(self, approval_id: UUID) -> Report:
        """Let reconciliation work until the execution is settled."""

        def is_settled() -> bool:
            settle_abandoned(self.services, worker="reconciler")
            with transaction(self.services.engine) as session:
                execution = execution_of(session, approval_id)
                return execution is not None and execution.settled_at is not None

        until(is_settled, "the execution is settled")
        with transaction(self.services.engine) as session:
            execution = execution_of(session, approval_id)
            assert execution is not None
            return Report.model_validate(execution.report)

    def journal(self, approval_id: UUID) -> list[tuple[int | None, int]]:
        """Return number and fence of each entry of the approval's journal."""
        with transaction(self.services.engine) as session:
            execution = execution_of(session, approval_id)
            assert execution is not None
            return [(entry.seq, entry.fence) for entry in entries(session, execution.id)]

    def close(self) -> None:
        """Give the connections back."""
        self.services.engine.dispose()


@dataclass(frozen=True)
class Lost:
    """A process that was killed or stopped."""

    process: Any
    hears: Connection

    def go_on(self) -> None:
        """Continue the stopped process; it has to find that it lost, and to end with the winner's answer."""
        os.kill(self.process.pid, signal.SIGCONT)
        assert self.hears.poll(PATIENCE_SECONDS), "the continued process said nothing"
        outcome, refused = self.hears.recv()
        self.process.join(PATIENCE_SECONDS)
        assert refused == [True], "the write of a process that had lost its execution was not refused"
        assert outcome == "success"

    def end(self) -> None:
        """Leave no process behind."""
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(PATIENCE_SECONDS)
        self.hears.close()


def play(cell: Cell, ground: Ground) -> Played:
    """Play `cell` and check every invariant."""
    approval_id = ground.prepare(cell)
    number = ground.cluster.faults.add(Fault(effect=cell.moment.fault)) if cell.moment.fault else 0
    lost = ground.lose(cell, approval_id, at=cell.moment.point, nth=cell.nth)
    try:
        began = time.monotonic()
        if cell.moment.way is Way.KILLED_TWICE:
            until(lambda: _has_abandoned(ground), "the lease is over")
            ground.lose(cell, approval_id, at=cell.moment.then).end()
        if cell.moment.release == "before":
            ground.cluster.faults.release(number)
        report = ground.recover(approval_id)
        took = time.monotonic() - began
        if cell.moment.release == "after":
            ground.cluster.faults.release(number)
            until(lambda: all(each.code is not None for each in ground.cluster.requests.writes()), "all is answered")
        if cell.moment.way is Way.STOPPED:
            written = ground.journal(approval_id)
            lost.go_on()
            assert ground.journal(approval_id) == written, "a former owner wrote to the journal"
    finally:
        lost.end()
    check(ground, approval_id, report)
    return Played(report.outcome, len(ground.cluster.requests.mutations()), took)


def check(ground: Ground, approval_id: UUID, report: Report) -> None:
    """Assert what has to hold however the process was lost."""
    mutations = ground.cluster.requests.mutations()
    twice = {path: n for path, n in Counter((each.method, each.path) for each in mutations).items() if n > 1}
    assert not twice, f"an effect happened more than once: {twice}"
    landing = [step for step in report.steps if "wait" not in step.key]
    assert report.outcome == "success", f"{report.outcome}: {report.message}"
    assert len(mutations) == len(landing), "the report's steps are not what the target saw"
    with transaction(ground.services.engine) as session:
        approval = get_approval(session, approval_id)
        held = session.execute(text("SELECT count(*) FROM target_hold WHERE released_at IS NULL")).scalar_one()
        assert approval.status is ApprovalStatus.EXECUTED
        assert held == 0, "a target stays held"
        assert not open_logs(session), "an operation log row stays open"
        assert not abandoned(session), "an execution stays abandoned"
    fences = [fence for _, fence in ground.journal(approval_id)]
    assert fences == sorted(fences), "a former owner wrote after its successor"
    assert settle_abandoned(ground.services, worker="again") == []


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"it never came true that {what}"
        time.sleep(0.02)


def _has_abandoned(ground: Ground) -> bool:
    with transaction(ground.services.engine) as session:
        return bool(abandoned(session))


def _state(pid: int | None) -> str:
    """Return the process's state letter from /proc."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
