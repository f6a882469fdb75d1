"""The process that dies while it rolls back: it runs the step like any worker, and at one point gets SIGKILL."""

import os
import signal
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from uuid import UUID

import yaml
from sqlalchemy import Engine

from countersign.aftermath import step_catalogue
from countersign.aftermath.rollback import roll_back
from countersign.aftermath.step_runner import run_step
from countersign.records.states import StepName
from tests.aftermath.rollback.conftest import RULE
from tests.execution.conftest import Office
from tests.faults.dying import Place
from tests.faults.waiting import PATIENCE_SECONDS

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.aftermath.rollback.dying"])


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Whose rollback it is and where it ends."""

    place: Place
    execution_id: str
    point: str


def roll_back_and_die(orders: Orders) -> None:
    """Run the step `roll_back` until it passes the point."""

    def at(point: str) -> None:
        if point.partition(":")[0] == orders.point:
            os.kill(os.getpid(), signal.SIGKILL)

    services = orders.place.services(lease_seconds=1)
    settings = services.settings.model_copy(update={"verify_collect_seconds": 0})
    kind = step_catalogue.STEPS[StepName.ROLL_BACK]
    step_catalogue.STEPS[StepName.ROLL_BACK] = replace(kind, run=partial(roll_back, at=at))  # type: ignore[index]
    run_step(
        replace(services, settings=settings),
        UUID(orders.execution_id),
        StepName.ROLL_BACK,
        runner=f"dying:{os.getpid()}",
    )


def lose(office: Office, engine: Engine, execution_id: UUID, point: str) -> None:
    """Let a real process roll the execution back and be killed at `point`."""
    rollback = {"operations": list(RULE.operations), "namespaces": list(RULE.namespaces)}
    place = Place(
        database_url=engine.url.render_as_string(hide_password=False),
        policy=yaml.safe_dump({**yaml.safe_load(office.household.policy), "rollback": rollback}),
        kubeconfig=office.cluster.kubeconfig,
    )
    orders = Orders(place=place, execution_id=str(execution_id), point=point)
    process = _processes.Process(target=roll_back_and_die, args=(orders,), daemon=True)
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode}, not by the signal"
