"""The process that dies among the steps: it runs them like any worker, and at one point gets SIGKILL."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from countersign.aftermath import step_runner
from countersign.aftermath.subject import StepEnd, Subject
from tests.faults.dying import Place


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the process runs and where it ends."""

    place: Place
    execution_id: str
    step: str
    ended: bool
    """Whether its end is on record when the process dies; else it has done everything but that."""


def run_and_die(orders: Orders) -> None:
    """Run the execution's steps, one after the other, until SIGKILL comes at the step that was ordered."""
    services = orders.place.services(lease_seconds=1)
    settings = services.settings.model_copy(
        update={"verify_warm_up_seconds": 0, "verify_collect_seconds": 0, "verify_limit_seconds": 30}
    )
    put_on_record: Callable[..., Any] = step_runner._end

    def end(subject: Subject, end: StepEnd) -> Any:
        here = subject.step.name == orders.step
        if here and not orders.ended:
            os.kill(os.getpid(), signal.SIGKILL)
        status = put_on_record(subject, end)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return status

    step_runner._end = end
    step_runner.AT_ONCE = 1
    step_runner.run_steps(
        replace(services, settings=settings), UUID(orders.execution_id), runner=f"dying:{os.getpid()}"
    )
