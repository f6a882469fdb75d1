"""The process that is lost among the steps: it runs them like any worker, and at one point gets its signal."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from uuid import UUID

from countersign.aftermath import step_runner
from countersign.aftermath.rollback import roll_back
from countersign.records.states import StepName
from tests.faults.dying import Place

LEASE_SECONDS = 1.0
"""Of a rollback; a step's own lease is ended by the test."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the process runs and where it is lost."""

    place: Place
    execution_id: str
    point: str
    signal: int


def run_and_be_lost(orders: Orders, told: Connection) -> None:
    """Run the execution's steps, one after the other, until the signal comes; one that goes on says when it ends."""
    left = [orders.point]

    def at(point: str) -> None:
        if left and point.partition(":")[0] == left[0]:
            left.clear()
            os.kill(os.getpid(), orders.signal)

    _tell_of_rollback(at)
    # One by one, so that nothing but the step at the point is on its way.
    step_runner.AT_ONCE = 1
    services = orders.place.services(lease_seconds=LEASE_SECONDS)
    step_runner.run_steps(services, UUID(orders.execution_id), runner=f"lost:{os.getpid()}", at=at)
    told.send("ended")


def _tell_of_rollback(at: Callable[[str], None]) -> None:
    kind = step_runner.STEPS[StepName.ROLL_BACK]
    step = partial(roll_back, at=lambda point: at(f"rollback {point}"))
    step_runner.STEPS = {**step_runner.STEPS, StepName.ROLL_BACK: replace(kind, run=step)}
