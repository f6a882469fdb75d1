"""The cells: the runner of each step is lost at each moment, after executions that ended in different ways."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from countersign.aftermath.step_runner import POINTS
from countersign.records.states import StepName


class Way(StrEnum):
    """How the runner is lost."""

    KILLED = "killed"
    KILLED_TWICE = "killed twice"
    """The runner that comes next is killed at the same point."""
    STOPPED = "stopped"
    """Paused until another one has done everything, and continued then."""


@dataclass(frozen=True)
class Scenario:
    """An execution, and what its steps are to come to."""

    name: str
    action: str
    outcome: str
    skipped: frozenset[StepName] = frozenset()
    """Steps that have nothing to do; every other one is done."""
    verdict: str | None = None
    effects: int = 1
    """On the target, by its own log, the rollback's included."""
    resolved: bool = False
    """Whether the incident ends."""
    rolled_back: bool = False
    on_host: bool = False
    written: tuple[int, int, int, int] = (1, 1, 1, 0)
    """Rows of cases, dispositions, observations for trust and playbooks."""

    @property
    def messages(self) -> int:
        """How many messages the channel gets: the rollback is told too."""
        return 2 if self.rolled_back else 1


NOTHING_DONE = frozenset({StepName.VERIFY, StepName.LEARN, StepName.ROLL_BACK, StepName.EXTRACT_PLAYBOOK})
SCENARIOS = (
    Scenario("restart", "kubectl rollout restart deployment/api -n prod", "success",
             verdict="effective", resolved=True, written=(1, 1, 3, 1)),
    Scenario("bad image", "kubectl set image deployment/web app=registry.local/web:missing -n staging", "success",
             skipped=frozenset({StepName.EXTRACT_PLAYBOOK, StepName.RESOLVE_INCIDENT}),
             verdict="worse", effects=2, rolled_back=True),
    Scenario("unit", "ssh web-1 'systemctl restart orders.service'", "success",
             verdict="effective", resolved=True, on_host=True, written=(1, 1, 3, 1)),
    Scenario("no such target", "kubectl rollout restart deployment/nowhere -n prod", "blocked",
             skipped=NOTHING_DONE | {StepName.RESOLVE_INCIDENT}, effects=0, written=(1, 1, 0, 0)),
    Scenario("no action", "NO_ACTION: it heals by itself", "no_action",
             skipped=NOTHING_DONE, effects=0, resolved=True, written=(1, 1, 0, 0)),
)  # fmt: skip

ROLLBACK_POINTS = ("decided", "started", "intent", "sent", "answered", "settled", "finished")
"""What the step that rolls back passes, each after "rollback"."""
SENDS = (StepName.NOTIFY, StepName.REPLY_ON_CARD)


@dataclass(frozen=True)
class Cell:
    """One runner, lost once."""

    scenario: Scenario
    way: Way
    point: str
    """A step's name and what it passes."""

    @property
    def may_send_again(self) -> bool:
        """True where a message may have been sent and is not on record: rather two than none."""
        return self.way is not Way.STOPPED and self.point in [f"{step} done" for step in SENDS]

    @property
    def row(self) -> str:
        """Return the moment's name in reports."""
        return f"{self.way}, {self.point.replace('_', ' ')}"

    @property
    def name(self) -> str:
        """Return the cell's name in reports."""
        return f"{self.scenario.name} / {self.row}"


def _moments(scenario: Scenario) -> Iterator[tuple[Way, str]]:
    for step in StepName:
        yield from ((Way.KILLED, f"{step} {point}") for point in POINTS)
        yield Way.KILLED_TWICE, f"{step} taken"
        yield Way.STOPPED, f"{step} done"
    if scenario.rolled_back:
        for point in ROLLBACK_POINTS:
            yield Way.KILLED, f"rollback {point}"
            yield Way.STOPPED, f"rollback {point}"
        yield Way.KILLED_TWICE, "rollback decided"


def whole_matrix() -> Iterator[Cell]:
    """Return every cell."""
    for scenario in SCENARIOS:
        for way, point in _moments(scenario):
            yield Cell(scenario, way, point)


def representative() -> Iterator[Cell]:
    """Return the cells of every test run."""
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    yield Cell(by_name["restart"], Way.KILLED, "notify done")
    yield Cell(by_name["restart"], Way.STOPPED, "deposit_knowledge done")
    yield Cell(by_name["unit"], Way.KILLED_TWICE, "verify taken")
    yield Cell(by_name["bad image"], Way.KILLED, "rollback sent")
    yield Cell(by_name["bad image"], Way.STOPPED, "rollback intent")
    yield Cell(by_name["no such target"], Way.KILLED, "learn recorded")


ROWS = list(dict.fromkeys(cell.row for cell in whole_matrix()))
