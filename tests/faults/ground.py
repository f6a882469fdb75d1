"""Where a cell is played: a database, people, and a target that keeps its own log of what happened to it."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from countersign.execution.decisions import sign_approval
from countersign.execution.direct_run import execute
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.policy.signatures import Decision
from countersign.records.database.engine import transaction
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.connection import connect as open_connection
from sandbox.cluster import Effect, Fault, SandboxCluster
from sandbox.demo.household import ADMINISTRATOR, PEOPLE, Household
from sandbox.hosts.host import SandboxHost
from tests.faults.cells import Cell, HostFault, Job
from tests.faults.dying import Place
from tests.faults.waiting import until

LINGER_SECONDS = 1
"""Of the sandbox host; the default of 12 is for docker's way of stopping a container."""


class Office:
    """The records and the people."""

    def __init__(self, place: Place, household: Household) -> None:
        self.place, self.household = place, household
        self.services: Services = place.services(lease_seconds=30)

    def approved(self, action: str, *, risk: str = "high", **fields: Any) -> UUID:
        """File `action` and have it signed."""
        request = Request(action=action, requested_by=ADMINISTRATOR, risk_level=risk, **fields)
        with transaction(self.services.engine) as session:
            approval = file_request(session, request, policy=self.services.policy, now=datetime.now(UTC)).approval
            for name in PEOPLE[: approval.required_signatures]:
                key = self.household.keys[name]
                sign_approval(session, self.services, approval, signer=name, key=key, decision=Decision.APPROVE)
            return approval.id

    def close(self) -> None:
        """Give the connections back."""
        self.services.engine.dispose()


class Ground(Office, ABC):
    """The records, the people and the target, which a subclass has."""

    @abstractmethod
    def prepare(self, job: Job) -> UUID:
        """Bring the target to where the cell begins, and return the approval to be executed."""

    @abstractmethod
    def disturb(self, cell: Cell) -> None:
        """Make the target meet the cell's first request that would change something."""

    @abstractmethod
    def something_waits(self) -> bool:
        """Tell whether a request waits at what `disturb` set."""

    @abstractmethod
    def release(self) -> None:
        """Let go on what waits."""

    @abstractmethod
    def is_being_looked_at(self) -> bool:
        """Tell whether reconciliation, which waits for what `release` lets go, has come that far."""

    @abstractmethod
    def come_to_rest(self) -> None:
        """Wait until nothing that was sent can still have an effect."""

    @abstractmethod
    def effects(self) -> list[str]:
        """What really happened to the target, by its own log."""

    @abstractmethod
    def expected(self, job: Job, report: Report) -> list[str] | int:
        """What has to have happened according to `report`; a number where the log has other words for it."""


class ClusterGround(Ground):
    """The sandbox cluster."""

    def __init__(self, database_url: str, cluster: SandboxCluster, household: Household) -> None:
        place = Place(database_url=database_url, policy=household.policy, kubeconfig=cluster.kubeconfig)
        super().__init__(place, household)
        self.cluster = cluster
        self._fault = 0

    def prepare(self, job: Job) -> UUID:
        """Perform what has to be there first, name a pod, and begin with an empty log."""
        if job.before is not None:
            done = execute(Run(self.services, self.approved(job.before), worker="before"))
            assert done.outcome == "success", done.message
        self.cluster.seed(job.seeds)
        action = job.action
        if "{pod}" in action:
            with open_connection(self.services.clusters.the_default(), request_timeout=30) as connection:
                pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
            names = [pod["metadata"]["name"] for pod in pods]
            action = action.replace("{pod}", next(name for name in names if name.startswith("api-")))
        self.cluster.settle()
        self.cluster.log.clear()
        return self.approved(action, risk=job.risk)

    def disturb(self, cell: Cell) -> None:
        """Set the fault."""
        if cell.moment.fault is not None:
            self._fault = self.cluster.faults.add(Fault(effect=cell.moment.fault))

    def something_waits(self) -> bool:
        """Ask the faults."""
        return any(fault.waiting for fault in self.cluster.faults.active())

    def release(self) -> None:
        """End the fault."""
        self.cluster.faults.release(self._fault)

    def is_being_looked_at(self) -> bool:
        """Never: nobody can see that a request is on its way, so reconciliation does not wait for it."""
        return False

    def come_to_rest(self) -> None:
        """Wait until every write has its answer or is known to have none."""
        writes = self.cluster.requests.writes
        until(lambda: all(each.code is not None or each.reply_lost for each in writes()), "all is answered")

    def effects(self) -> list[str]:
        """Return method and path of the requests that changed something."""
        return [f"{each.method} {each.path}" for each in self.cluster.requests.mutations()]

    def expected(self, job: Job, report: Report) -> list[str] | int:
        """One request for each step, but those that only wait."""
        return sum("wait" not in step.key for step in report.steps)


class HostGround(Ground):
    """A sandbox host behind the SSH gateway, whose keys are in Valkey."""

    def __init__(self, database_url: str, host: SandboxHost, household: Household, valkey_url: str) -> None:
        fleet = FleetSettings("sandbox", (host.settings(),), linger_seconds=LINGER_SECONDS)
        place = Place(database_url=database_url, policy=household.policy, fleet=fleet, redis_url=valkey_url)
        super().__init__(place, household)
        self.host = host
        self._go_on = host.folder / "go-on"

    def prepare(self, job: Job) -> UUID:
        """Nothing has happened to the host yet."""
        assert self.host.effects == ()
        return self.approved(job.action)

    def disturb(self, cell: Cell) -> None:
        """Make the command misbehave as the cell's fault would have a request misbehave."""
        command = cell.job.command
        match cell.moment.fault:
            case Effect.PAUSE_BEFORE:
                self.host.fault("wait", *command, until=str(self._go_on))
            case Effect.PAUSE_AFTER:
                self.host.fault("wait", *command, when="after", until=str(self._go_on))
            case Effect.RESET_AFTER:
                self.host.fault("cut", *command, when="after")
            case Effect.RESET_BEFORE:
                # What is cut before its effect goes on and has it; this one ends with its connection.
                self.host.fault("die", *command)
            case HostFault.CUT:
                self.host.fault("cut", *command, seconds=0.5)
            case HostFault.HALF:
                self.host.fault("die", *command)
            case None:
                pass
            case other:
                raise ValueError(other)
        self._command = command

    def something_waits(self) -> bool:
        """The command runs and its fault has been taken, before or after its effect."""
        with self.host.state() as state:
            taken = all(fault["times"] == 0 for fault in state["faults"])
        return taken and any(call.argv[: len(self._command)] == self._command for call in self.host.running)

    def release(self) -> None:
        """Make the file that the command waits for."""
        self._go_on.touch()

    def happen_by_half(self) -> None:
        """Leave the host as a command does that restarted the first of two containers and ended then."""
        with self.host.state() as state:
            first = next(one for one in state["containers"] if one["Name"] == "/shop-cart-1")
            first["State"]["StartedAt"] = datetime.now(UTC).isoformat()
        with (self.host.folder / "effects.jsonl").open("a") as log:
            log.write(json.dumps({"what": "restart shop-cart-1"}) + "\n")

    def is_being_looked_at(self) -> bool:
        """Reconciliation asks ps whether the command still runs."""
        return any(call.argv[0] == "ps" and "-ww" in call.argv for call in self.host.calls)

    def come_to_rest(self) -> None:
        """Wait until no program runs."""
        until(lambda: not self.host.running, "no program runs on the host")

    def effects(self) -> list[str]:
        """Return the host's log; the name of a container's log file is of no interest."""
        return ["truncate LOG" if each.startswith("truncate ") else each for each in self.host.effects]

    def expected(self, job: Job, report: Report) -> list[str] | int:
        """What the operation does once."""
        return list(job.effects)


def repeated(effects: list[str]) -> dict[str, int]:
    """Return what happened more than once, and how often."""
    return {effect: count for effect, count in Counter(effects).items() if count > 1}


def state_letter(pid: int | None) -> str:
    """Return the process's state from /proc: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
