"""Play one cell: an execution has its outcome, the runner of its steps is lost, others finish, all is compared."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import Engine, text

from countersign.aftermath.reconciliation import bury_dead_steps, open_steps, run_due_steps
from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters
from countersign.records.evidence import evidence_of
from countersign.records.incidents import get_incident
from countersign.records.ledger import steps_of
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import EvidencePhase, IncidentStatus, LogStatus, StepStatus
from countersign.records.tables import LedgerStep
from countersign.records.timeline import events_of
from tests.aftermath.incidents.remembered import received
from tests.aftermath.notifications.receiver import Receiver
from tests.aftermath.step_runner.place import end_leases
from tests.faults.ground import Ground, state_letter
from tests.faults.harness import check_nothing_is_left
from tests.faults.steps.cells import SENDS, Cell, Scenario, Way
from tests.faults.steps.dying import Orders, run_and_be_lost
from tests.faults.waiting import PATIENCE_SECONDS, until

INCIDENT, CARD = "INC-1", "-100:7"
HOOK, SEND = "/hook/team", "/sendMessage"
WRITTEN = ("knowledge_entry", "disposition", "trust_observation", "playbook")
"""Tables of which a scenario says how many rows it makes."""
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.faults.steps.dying"])


@dataclass(frozen=True)
class Desk:
    """Everything around the execution whose steps are run."""

    ground: Ground
    receiver: Receiver

    @property
    def engine(self) -> Engine:
        """The records."""
        return self.ground.services.engine

    def executed(self, scenario: Scenario) -> UUID:
        """Perform the scenario's action and return its execution."""
        received(self.engine, incident_id=INCIDENT)
        assert self.ground.place.redis_url is not None
        with Redis.from_url(self.ground.place.redis_url) as redis:
            redis.set(f"tg_msg:{INCIDENT}", CARD, ex=3600)
        approval_id = self.ground.approved(scenario.action, incident_id=INCIDENT)
        report = execute(Run(self.ground.services, approval_id, worker="performer"))
        assert report.outcome == scenario.outcome, f"{report.outcome}: {report.message}"
        assert report.execution_id is not None
        return UUID(report.execution_id)

    def steps(self, execution_id: UUID) -> dict[str, LedgerStep]:
        """Return the ledger of an execution, and of what took it back."""
        with transaction(self.engine) as session:
            found = {step.name.value: step for step in steps_of(session, execution_id)}
            back = rollback_of(session, execution_id)
            more = steps_of(session, back.id) if back is not None else ()
        return {**found, **{f"rollback's {step.name}": step for step in more}}


@dataclass(frozen=True)
class Lost:
    """A runner that was killed or stopped."""

    process: Any
    hears: Any

    def go_on(self) -> None:
        """Continue a stopped runner and wait until it has ended."""
        os.kill(self.process.pid, signal.SIGCONT)
        assert self.hears.poll(PATIENCE_SECONDS), "the continued runner did not end"
        self.process.join(PATIENCE_SECONDS)

    def end(self) -> None:
        """Leave no process behind."""
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(PATIENCE_SECONDS)
        self.hears.close()


def lose(desk: Desk, cell: Cell, execution_id: UUID) -> Lost:
    """Start a runner, and lose it."""
    stops = cell.way is Way.STOPPED
    number = signal.SIGSTOP if stops else signal.SIGKILL
    orders = Orders(place=desk.ground.place, execution_id=str(execution_id), point=cell.point, signal=int(number))
    hears, tells = _processes.Pipe(duplex=False)
    process = _processes.Process(target=run_and_be_lost, args=(orders, tells), daemon=True)
    process.start()
    tells.close()
    lost = Lost(process, hears)
    if stops:
        until(lambda: state_letter(process.pid) == "T", "the runner is stopped")
    else:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
    return lost


def recover(desk: Desk, execution_id: UUID) -> None:
    """Let reconciliation work until every step has ended. The leases of the lost are ended, not waited for."""
    services = desk.ground.services

    def all_ended() -> bool:
        end_leases(desk.engine)
        bury_dead_steps(services)
        run_due_steps(services, runner="the next one", older_than_seconds=0)
        return all(step.ended_at for step in desk.steps(execution_id).values())

    until(all_ended, "every step has ended")


def play(cell: Cell, desk: Desk) -> float:
    """Play `cell`, check every invariant, and return how long the recovery took, in seconds."""
    execution_id = desk.executed(cell.scenario)
    lost = lose(desk, cell, execution_id)
    try:
        if cell.way is Way.KILLED_TWICE:
            end_leases(desk.engine)
            lose(desk, cell, execution_id).end()
        recorded = ended(desk, execution_id)
        began = time.monotonic()
        recover(desk, execution_id)
        took = time.monotonic() - began
        if cell.way is Way.STOPPED:
            before = ended(desk, execution_id)
            lost.go_on()
            assert ended(desk, execution_id) == before, "a runner that had lost its step changed the ledger"
    finally:
        lost.end()
    now = ended(desk, execution_id)
    again = [name for name, end in recorded.items() if now[name] != end]
    assert not again, f"done again: {again}"
    check(cell, desk, execution_id)
    return took


def ended(desk: Desk, execution_id: UUID) -> Mapping[str, object]:
    """Return by whom and when each step was ended that has ended."""
    steps = desk.steps(execution_id)
    return {name: (step.runner, step.ended_at) for name, step in steps.items() if step.ended_at is not None}


def check(cell: Cell, desk: Desk, execution_id: UUID) -> None:
    """Assert what has to be true however the runner was lost."""
    scenario, engine = cell.scenario, desk.engine
    steps = desk.steps(execution_id)
    skipped = {name: step.reason for name, step in steps.items() if step.status is StepStatus.SKIPPED}
    assert set(skipped) == {name.value for name in scenario.skipped}, skipped
    others = {name: step.status for name, step in steps.items() if name not in skipped}
    assert set(others.values()) <= {StepStatus.DONE}, others
    assert len(steps) == (13 if scenario.rolled_back else 10)
    effects = desk.ground.effects()
    assert len(effects) == scenario.effects, effects
    _check_messages(cell, desk)
    with transaction(engine) as session:
        written = {table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in WRITTEN}
        assert written == dict(zip(WRITTEN, scenario.written, strict=True))
        after = evidence_of(session, execution_id).get(EvidencePhase.AFTER)
        assert (after.verdict if after else None) == scenario.verdict
        told = [event.type for event in events_of(session, incident_id=INCIDENT)]
        assert told.count("incident_resolved") == scenario.resolved
        assert told.count("rollback_started") == scenario.rolled_back
        is_resolved = get_incident(session, INCIDENT).status is IncidentStatus.RESOLVED
        assert is_resolved is scenario.resolved
        back = rollback_of(session, execution_id)
        assert (back is not None) is scenario.rolled_back
        if back is not None:
            log = log_of(session, back.id)
            assert log is not None
            assert (back.outcome, log.status) == ("success", LogStatus.ROLLED_BACK)
        check_nothing_is_left(session)
        assert open_letters(session) == []
    assert not open_steps(desk.ground.services, older_than_seconds=0)


def _check_messages(cell: Cell, desk: Desk) -> None:
    """Everybody was told once; twice, where the sending is not on record and nobody can know of it."""
    said = partial(_count, desk.receiver)
    for path, wanted in ((HOOK, cell.scenario.messages), (SEND, 1)):
        again = cell.may_send_again and cell.point == f"{SENDS[path == SEND]} done"
        assert wanted <= said(path) <= wanted + again, f"{said(path)} messages to {path}"


def _count(receiver: Receiver, path: str) -> int:
    return len(receiver.received(path))
