"""Play one cell: an execution through the proxy, and what the cluster itself says about it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from countersign.execution.clusters import only
from countersign.execution.direct_run import execute
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.services import Services
from tests.contract.api import Api
from tests.faults.ground import Office
from tests.faults.proxy.faults import Fault
from tests.faults.proxy.jobs import Job
from tests.faults.proxy.places import Place
from tests.faults.proxy.proxy import AdversarialProxy, told_the_questions
from tests.faults.proxy.scene import Effects, staged


@dataclass(frozen=True)
class Arena:
    """The cluster and the records."""

    api: Api
    kubeconfig: str
    office: Office


@dataclass(frozen=True)
class Played:
    """What became of a cell."""

    report: Report
    effects: Effects
    seen: Sequence[Place]
    """Every request, in order."""
    met: Sequence[Place]
    """The requests that met a fault."""
    approval_id: UUID


def play(arena: Arena, job: Job, *meetings: tuple[Place, Fault], timeout: float = 10) -> Played:
    """Execute `job` while the requests at these places meet these faults. `timeout` is the client's, in seconds."""
    with playing(arena, job, *meetings, timeout=timeout) as played:
        return played


@contextmanager
def playing(arena: Arena, job: Job, *meetings: tuple[Place, Fault], timeout: float = 10) -> Iterator[Played]:
    """Do what `play` does, and keep the scene while the caller looks at it."""
    with (
        staged(arena.api, job) as scene,
        AdversarialProxy(arena.kubeconfig, subject=scene.path, older=scene.older) as proxy,
        told_the_questions(proxy),
    ):
        for place, fault in meetings:
            proxy.meet(place, fault)
        services = _services(arena, proxy, timeout=timeout)
        approval_id = arena.office.approved(scene.action)
        try:
            report = execute(Run(services, approval_id, worker="proxied"))
        finally:
            proxy.end()
        yield Played(report, scene.effects(), proxy.seen, proxy.met, approval_id)


def _services(arena: Arena, proxy: AdversarialProxy, *, timeout: float) -> Services:
    services = arena.office.services
    return replace(
        services,
        settings=services.settings.model_copy(update={"request_timeout_seconds": timeout}),
        clusters=only(replace(services.clusters.the_default(), kubeconfig=proxy.kubeconfig)),
    )
