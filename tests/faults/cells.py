"""The matrix: every operation, and every moment at which the process that performs it can be lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from countersign.sandbox.cluster.faults import Effect


class Way(StrEnum):
    """How the process is lost."""

    KILLED = "killed"
    STOPPED = "stopped"
    """Paused beyond its lease, and continued after somebody else has settled its execution."""
    KILLED_WAITING = "killed waiting"
    """Killed while it waits for the answer to a request."""
    KILLED_TWICE = "killed twice"
    """The process that takes over is killed too."""


@dataclass(frozen=True)
class Moment:
    """When and how the process is lost, and what the target does meanwhile."""

    name: str
    way: Way
    point: str | None = None
    fault: Effect | None = None
    """Met by the first request that would change something."""
    then: str | None = None
    """Where the second process is killed."""
    release: str = ""
    """When a request that waits at the fault goes on: "before" (early) or "after" (late) reconciliation."""


MOMENTS = (
    *(Moment(f"killed, {point}", Way.KILLED, point)
      for point in ("claimed", "planned", "intent", "sent", "answered", "settled")),
    Moment("killed twice, claimed and claimed", Way.KILLED_TWICE, "claimed", then="claimed"),
    Moment("killed twice, intent and intent", Way.KILLED_TWICE, "intent", then="intent"),
    Moment("killed twice, sent and claimed", Way.KILLED_TWICE, "sent", then="claimed"),
    Moment("killed waiting, arrives early", Way.KILLED_WAITING, None, Effect.PAUSE_BEFORE, release="before"),
    Moment("killed waiting, arrives late", Way.KILLED_WAITING, None, Effect.PAUSE_BEFORE, release="after"),
    Moment("killed waiting, has arrived", Way.KILLED_WAITING, None, Effect.PAUSE_AFTER, release="after"),
    Moment("killed, reply lost after the effect", Way.KILLED, "sent", Effect.RESET_AFTER),
    Moment("killed, request lost before the effect", Way.KILLED, "sent", Effect.RESET_BEFORE),
    *(Moment(f"stopped, {point}", Way.STOPPED, point)
      for point in ("claimed", "planned", "intent", "sent", "answered")),
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """An operation and what makes the cluster ready for it."""

    name: str
    action: str
    """{pod} is the name of a pod of Deployment prod/api."""
    before: str | None = None
    """An action performed first."""


JOBS = (
    Job("restart", "kubectl rollout restart deployment/api -n prod"),
    Job("undo", "kubectl rollout undo deployment/web -n prod", "kubectl rollout restart deployment/web -n prod"),
    Job("pause", "kubectl rollout pause deployment/web -n prod"),
    Job("resume", "kubectl rollout resume deployment/web -n prod", "kubectl rollout pause deployment/web -n prod"),
    Job("scale", "kubectl scale deployment/worker --replicas=4 -n prod"),
    Job("set image", "kubectl set image deployment/payments app=registry.local/payments:1.6.0 -n prod"),
    Job("set env", "kubectl set env deployment/payments LOG_LEVEL=debug -n prod"),
    Job("set resources", "kubectl set resources deployment/payments -c app --limits=memory=384Mi -n prod"),
    Job("label", "kubectl label deployment/payments tier=backend -n prod"),
    Job("annotate", "kubectl annotate deployment/payments reviewed=yes -n prod"),
    Job("patch", """kubectl patch deployment payments -n prod -p '{"spec":{"minReadySeconds":1}}'"""),
    Job("autoscaler", """kubectl patch hpa web -n prod --type=merge -p '{"spec":{"maxReplicas":7}}'"""),
    Job("cordon", "kubectl cordon node-1"),
    Job("uncordon", "kubectl uncordon node-1", "kubectl cordon node-1"),
    Job("delete pod", "kubectl delete pod {pod} -n prod"),
    Job("two restarts", "kubectl rollout restart deployment/api deployment/web -n prod"),
    Job("drain", "kubectl drain node-2 --ignore-daemonsets --delete-emptydir-data --force"),
)
SEVERAL_STEPS = ("two restarts", "drain")


@dataclass(frozen=True)
class Cell:
    """One operation, lost at one moment."""

    job: Job
    moment: Moment
    nth: int = 1
    """At which step."""

    @property
    def name(self) -> str:
        """Return the cell's name in reports."""
        step = f", step {self.nth}" if self.nth > 1 else ""
        return f"{self.job.name} / {self.moment.name}{step}"


def whole_matrix() -> Iterator[Cell]:
    """Return every cell."""
    for job in JOBS:
        for moment in MOMENTS:
            yield Cell(job, moment)
            if job.name in SEVERAL_STEPS and moment.point in ("intent", "sent", "answered") and not moment.fault:
                yield Cell(job, moment, nth=2)


def representative() -> Iterator[Cell]:
    """Return the cells of every test run: each moment at least once, each kind of operation at least once."""
    jobs = {job.name: job for job in JOBS}
    chosen = ("restart", "scale", "set image", "delete pod", "label", "undo", "two restarts")
    for number, moment in enumerate(MOMENTS):
        yield Cell(jobs[chosen[number % len(chosen)]], moment)
    yield Cell(jobs["drain"], MOMENTS[3], nth=2)
