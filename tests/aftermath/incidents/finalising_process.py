"""A process that finalises, and that may be ordered to die at one point of it by SIGKILL."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

from countersign.aftermath import finalisation
from countersign.aftermath.finalisation import ADDED_STEPS, Finalising, finalise
from countersign.records.states import StepName
from tests.faults.dying import Place

MOMENTS = ("linked", *(f"after {name}" for name in ADDED_STEPS), "adding", "added")
"""Every moment between two commits, and one within the last."""
DEEDS = {Finalising.FINALISED: 0, Finalising.ALREADY: 10}
"""Exit codes."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the process finalises, and where it dies."""

    place: Place
    approval_id: str
    incident_id: str
    moment: str | None = None


def run(orders: Orders, together: Barrier | None = None) -> None:
    """Finalise; die at the moment that was ordered, else exit with what was done."""
    services = orders.place.services(lease_seconds=1)
    settings = services.settings.model_copy(
        update={"verify_warm_up_seconds": 0, "verify_collect_seconds": 0, "verify_limit_seconds": 30}
    )
    run_step: Callable[..., Any] = finalisation.run_step
    add: Callable[..., Any] = finalisation._add

    def at(moment: str) -> None:
        if moment == orders.moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def running(services: Any, execution_id: UUID, name: StepName, *, runner: str) -> Any:
        at("linked")
        ended = run_step(services, execution_id, name, runner=runner)
        at(f"after {name}")
        return ended

    def adding(*arguments: Any) -> Any:
        added = add(*arguments)
        at("adding")
        return added

    finalisation.run_step, finalisation._add = running, adding
    if together is not None:
        together.wait()
    done = finalise(
        replace(services, settings=settings),
        UUID(orders.approval_id),
        incident_id=orders.incident_id,
        runner=f"process:{os.getpid()}",
    )
    at("added")
    os._exit(DEEDS.get(done.result, 99))
