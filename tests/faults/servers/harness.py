"""Play one cell: an approval is executed through the deployment, a server is killed, the invariants are checked."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from uuid import UUID, uuid4

from sqlalchemy import text

from countersign.execution.report import Report
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.ledger import steps_of
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus, StepName, StepStatus
from countersign.records.tables import LedgerStep
from sandbox.cluster import Effect, Fault
from tests.faults.harness import check_nothing_is_left
from tests.faults.servers.cells import COMMAND, Cell, Server
from tests.faults.servers.pauses import Pauses
from tests.faults.servers.place import Place, patiently
from tests.faults.waiting import until

DEPLOYMENT, RECONCILE = "execute-approval/execute-approval", "reconcile/reconcile"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
SECONDS = 100.0
"""Longest wait for one thing; a killed server takes up to 20 s to be back on a loaded machine."""
DEPLOYMENTS_ON_CLUSTER = ("api", "web", "payments", "worker")
_turns = count()


# The lease of a step lasts for minutes; the schedule finds it when it has been over for a moment.
END_LEASES = text("""
    UPDATE ledger_step SET due_at = clock_timestamp() - interval '1 minute' WHERE status IN ('pending', 'running')
""")


@dataclass(frozen=True)
class Played:
    """What became of a cell."""

    outcome: str
    recovered_seconds: float
    """From the kill to the settled outcome."""


@dataclass
class Play:
    """One cell on a place."""

    cell: Cell
    place: Place
    pauses: Pauses
    approval_id: UUID = field(init=False)
    incident_id: str = field(default_factory=lambda: f"INC-{uuid4()}")

    def play(self) -> Played:
        """Execute, kill, let everything come back, reconcile, check."""
        place, cell = self.place, self.cell
        action = cell.operation.action.format(name=DEPLOYMENTS_ON_CLUSTER[next(_turns) % len(DEPLOYMENTS_ON_CLUSTER)])
        before = self._effects()
        if cell.at_a_step:
            place.incident(self.incident_id)
        self.approval_id = place.approved(action, incident_id=self.incident_id if cell.at_a_step else None)
        let_go = self._arrange()
        run = place.run(place.deployment(DEPLOYMENT), approval_id=str(self.approval_id), dry_run=False)
        self._wait_until_there()
        part = self._part()
        killed = place.kill(part)
        began = time.monotonic()
        let_go()
        until(lambda: place.is_back(part, killed=killed), f"{part} is back", seconds=SECONDS)
        self._reconcile()
        took = time.monotonic() - began
        until(
            lambda: place.ask("GET", f"/flow_runs/{run}")["state_type"] in FINAL, "the run is over", seconds=SECONDS
        )
        if cell.at_a_step:
            self._have_steps_finished(rounds=place.deployment(RECONCILE))
            took = time.monotonic() - began
        report = self._report()
        self._check(report, self._effects()[len(before) :])
        if cell.at_a_step:
            self._check_steps(self._steps())
        return Played(report.outcome, took)

    # --- on the way -----------------------------------------------------------------------------------

    def _arrange(self) -> Callable[[], None]:
        """Make the run wait at the cell's point, and return what lets it go on."""
        cell, place = self.cell, self.place
        if cell.point is not None:
            self.pauses.order(self.approval_id, cell.point)
            return lambda: self.pauses.release(self.approval_id)
        assert cell.under_way is not None
        if cell.operation.on_host:
            go_on = place.host.folder / f"go-on-{self.approval_id}"
            when = "before" if cell.under_way is Effect.PAUSE_BEFORE else "after"
            fault = {"kind": "wait", "argv": list(COMMAND), "when": when, "times": 1, "until": str(go_on)}
            with place.host.state() as state:
                state["faults"] = [fault]
            return go_on.touch
        number = place.cluster().add_fault(Fault(effect=cell.under_way))
        if cell.server is Server.TARGET:
            return lambda: None  # it dies with the cluster
        return lambda: place.cluster().release(number)

    def _wait_until_there(self) -> None:
        cell, place = self.cell, self.place
        if cell.point is not None:
            self.pauses.wait_until_reached(self.approval_id)
        elif cell.operation.on_host:
            until(self._command_waits, "the command waits on the host")
        else:
            until(lambda: any(each["waiting"] for each in place.cluster().faults()), "the request waits")

    def _command_waits(self) -> bool:
        with self.place.host.state() as state:
            taken = all(fault["times"] == 0 for fault in state["faults"])
        return taken and any(tuple(argv[: len(COMMAND)]) == COMMAND for argv in self.place.host_calls())

    def _part(self) -> str:
        match self.cell.server:
            case Server.POSTGRES | Server.VALKEY as server:
                return str(server)
            case Server.PREFECT:
                return "prefect-server"
            case Server.TARGET:
                return "host" if self.cell.operation.on_host else "cluster"
            case Server.WORKER:
                return "worker-1"

    def _effects(self) -> list[str]:
        return self.place.host_effects() if self.cell.operation.on_host else self.place.mutations()

    def _reconcile(self) -> None:
        """Let the deployed reconciliation work until the approval has its outcome."""
        place = self.place
        rounds = place.deployment(RECONCILE)
        while not self._is_settled():
            run = place.run(rounds)
            until(
                lambda run=run: place.ask("GET", f"/flow_runs/{run}")["state_type"] in FINAL or self._is_settled(),
                "the round is over, or was not needed",
                seconds=SECONDS,
            )

    def _is_settled(self) -> bool:
        def read() -> bool:
            with transaction(self.place.services.engine) as session:
                approval = get_approval(session, self.approval_id)
                return approval.status in (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED)

        return patiently(read)()

    def _have_steps_finished(self, *, rounds: str) -> None:
        """Let the deployed reconciliation work until every step has ended. Leases are ended, not waited for."""
        while not patiently(lambda: all(step.ended_at for step in self._steps()))():
            with transaction(self.place.services.engine) as session:
                session.execute(END_LEASES)
            run = self.place.run(rounds)
            over = partial(self._is_over, run)
            until(over, "the round is over", seconds=SECONDS)
            until(
                patiently(lambda: all(step.status is not StepStatus.RUNNING for step in self._steps())),
                "no step runs",
                seconds=SECONDS,
            )

    def _is_over(self, run: str) -> bool:
        return self.place.ask("GET", f"/flow_runs/{run}")["state_type"] in FINAL

    def _steps(self) -> Sequence[LedgerStep]:
        with transaction(self.place.services.engine) as session:
            execution = execution_of(session, self.approval_id)
            assert execution is not None
            return steps_of(session, execution.id)

    # --- at the end -----------------------------------------------------------------------------------

    def _report(self) -> Report:
        with transaction(self.place.services.engine) as session:
            execution = execution_of(session, self.approval_id)
            assert execution is not None
            return Report.model_validate(execution.report)

    def _check(self, report: Report, effects: list[str]) -> None:
        assert len(effects) <= 1, f"an effect happened more than once: {effects}"
        if self._may_be_refused(report):
            assert effects == [], f"{report.outcome}, and the target saw {effects}"
        else:
            assert report.outcome == "success", f"{report.outcome}: {report.message}"
            assert len(effects) == 1, "success, and the target saw nothing"
        with transaction(self.place.services.engine) as session:
            status = get_approval(session, self.approval_id).status
            assert status is (ApprovalStatus.EXECUTED if report.success else ApprovalStatus.FAILED)
        self._until_nothing_is_left()

    def _check_steps(self, steps: Sequence[LedgerStep]) -> None:
        """Every step is done but the reply on a card that nobody sent, and everybody was told."""
        ends = {step.name: step.status for step in steps if step.status is not StepStatus.DONE}
        # Who speaks of a target that is away has nothing to learn from, to take back or to resolve by.
        verdict = next((step.result or {}).get("verdict") for step in steps if step.name is StepName.VERIFY)
        allowed = {StepName.REPLY_ON_CARD, *(() if verdict == "effective" else (StepName.RESOLVE_INCIDENT,))}
        assert set(ends) <= allowed, ends
        assert set(ends.values()) <= {StepStatus.SKIPPED}, ends
        told = self.place.messages(self.incident_id)
        # A message is on record once it was sent; who is lost in between leaves it to be sent again.
        may_be_repeated = self.cell.server in (Server.POSTGRES, Server.WORKER)
        assert 1 <= told <= 1 + may_be_repeated, f"told {told} times"

    def _may_be_refused(self, report: Report) -> bool:
        """Without Valkey no approval key can be checked, so the gateway refuses and nothing is sent."""
        lost = self.cell.server is Server.VALKEY and self.cell.operation.on_host
        return lost and (report.outcome, report.code) == ("blocked", "gate_5_keys_unavailable")

    def _until_nothing_is_left(self) -> None:
        """What is closed a moment after the outcome may still be open for that moment."""

        def is_clean() -> bool:
            try:
                with transaction(self.place.services.engine) as session:
                    check_nothing_is_left(session)
            except AssertionError:
                return False
            return True

        until(patiently(is_clean), "no hold, no open log and no abandoned execution is left")
