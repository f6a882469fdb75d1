"""The cells: each server is killed while an approval is at each named point, on the cluster and on a host."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sandbox.cluster.faults import Effect
from tests.faults.points import POINTS, STEP_POINTS


class Server(StrEnum):
    """What is killed."""

    POSTGRES = "PostgreSQL"
    VALKEY = "Valkey"
    PREFECT = "Prefect's server"
    TARGET = "the target"
    WORKER = "the worker"


@dataclass(frozen=True)
class Operation:
    """What is executed meanwhile."""

    name: str
    action: str
    on_host: bool = False


RESTART = Operation("restart", "kubectl rollout restart deployment/{name} -n prod")
UNIT = Operation("unit", "ssh web-1 'systemctl restart orders.service'", on_host=True)
COMMAND = ("systemctl", "restart")


@dataclass(frozen=True)
class Cell:
    """One server, killed at one point of one operation."""

    server: Server
    operation: Operation
    point: str | None = None
    under_way: Effect | None = None
    """In place of a point: the target holds the request, before or after its effect."""

    @property
    def at_a_step(self) -> bool:
        """True where the outcome is on record and what follows it is disturbed."""
        return self.point in STEP_POINTS

    @property
    def row(self) -> str:
        """Return when it is killed."""
        if self.under_way is None:
            return (self.point or "").replace("_", " ")
        before = self.under_way is Effect.PAUSE_BEFORE
        return f"request under way, {'before' if before else 'after'} its effect"

    @property
    def name(self) -> str:
        """Return the cell's name in reports."""
        return f"{self.server} / {self.operation.name} / {self.row}"


UNDER_WAY = (Effect.PAUSE_BEFORE, Effect.PAUSE_AFTER)


def whole_matrix() -> Iterator[Cell]:
    """Return every cell; the servers take turns, so that none dies faster than it comes back."""
    for operation in (RESTART, UNIT):
        for point in POINTS:
            for server in Server:
                yield Cell(server, operation, point)
        for effect in UNDER_WAY:
            for server in Server:
                yield Cell(server, operation, under_way=effect)
    for point in STEP_POINTS:
        for server in Server:
            yield Cell(server, RESTART, point)


def representative() -> Iterator[Cell]:
    """Return the cells of every test run: each server once."""
    yield Cell(Server.WORKER, UNIT, "intent")
    yield Cell(Server.PREFECT, RESTART, "sent")
    yield Cell(Server.TARGET, RESTART, under_way=Effect.PAUSE_AFTER)
    yield Cell(Server.VALKEY, UNIT, "answered")
    yield Cell(Server.POSTGRES, RESTART, "intent")
    yield Cell(Server.POSTGRES, RESTART, "deposit_knowledge taken")


ROWS = list(dict.fromkeys(cell.row for cell in whole_matrix()))
