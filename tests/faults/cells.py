"""The matrix: every operation, and every moment at which the process that performs it can be lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.cluster.faults import Effect
from tests.faults.points import BEFORE_THE_OUTCOME, POINTS


class Way(StrEnum):
    """How the process is lost."""

    KILLED = "killed"
    STOPPED = "stopped"
    """Paused beyond its lease, and continued after somebody else has settled its execution."""
    KILLED_WAITING = "killed waiting"
    """Killed while it waits for the answer to a request."""
    KILLED_TWICE = "killed twice"
    """The process that takes over is killed too."""


class HostFault(StrEnum):
    """What only a command on a host can meet."""

    CUT = "cut"
    """The connection is lost before the effect, and the command goes on without it."""
    HALF = "half"
    """The command ends when half of its effect has happened."""


@dataclass(frozen=True)
class Moment:
    """When and how the process is lost, and what the target does meanwhile."""

    name: str
    way: Way
    point: str | None = None
    fault: Effect | HostFault | None = None
    """Met by the first request that would change something."""
    then: str | None = None
    """Where the second process is killed."""
    release: str = ""
    """When a request that waits at the fault goes on: "before" reconciliation looks, or "after".

    A cluster's request goes on after the execution was settled. A host's command still runs, so reconciliation waits
    for it: it goes on once reconciliation has seen that.
    """


MOMENTS = (
    *(Moment(f"killed, {point}", Way.KILLED, point) for point in POINTS),
    Moment("killed twice, claimed and claimed", Way.KILLED_TWICE, "claimed", then="claimed"),
    Moment("killed twice, intent and intent", Way.KILLED_TWICE, "intent", then="intent"),
    Moment("killed twice, sent and claimed", Way.KILLED_TWICE, "sent", then="claimed"),
    Moment("killed waiting, arrives early", Way.KILLED_WAITING, None, Effect.PAUSE_BEFORE, release="before"),
    Moment("killed waiting, arrives late", Way.KILLED_WAITING, None, Effect.PAUSE_BEFORE, release="after"),
    Moment("killed waiting, has arrived", Way.KILLED_WAITING, None, Effect.PAUSE_AFTER, release="after"),
    Moment("killed, reply lost after the effect", Way.KILLED, "sent", Effect.RESET_AFTER),
    Moment("killed, request lost before the effect", Way.KILLED, "sent", Effect.RESET_BEFORE),
    *(Moment(f"stopped, {point}", Way.STOPPED, point) for point in BEFORE_THE_OUTCOME),
)  # fmt: skip


HOST_MOMENTS = (
    *MOMENTS,
    Moment("killed, connection lost, the command goes on", Way.KILLED, "sent", HostFault.CUT),
    Moment("killed, half of the effect", Way.KILLED, "sent", HostFault.HALF),
)
HALVES = ("compose",)
"""Jobs whose effect can happen by half."""


@dataclass(frozen=True)
class Job:
    """An operation and what makes the cluster ready for it."""

    name: str
    action: str
    """{pod} is the name of a pod of Deployment prod/api."""
    before: str | None = None
    """An action performed first."""
    seeds: tuple[Mapping[str, Any], ...] = ()
    """On the cluster: what is there besides the sandbox's own."""
    risk: str = "high"
    command: tuple[str, ...] = ()
    """On a host: how the call begins that has the effect. Empty: the target is the cluster."""
    effects: tuple[str, ...] = ()
    """On a host: what its own log shows once the effect has happened; none for what only reads."""

    @property
    def on_host(self) -> bool:
        """True for a tool of the SSH gateway."""
        return bool(self.command)

    @property
    def outcome(self) -> str:
        """What it comes to when all goes well."""
        return "success" if self.effects or not self.on_host else "investigated"


def _spare(version: str, kind: str, *, namespace: str | None = "prod", **spec: Any) -> Mapping[str, Any]:
    metadata = {"name": "spare"} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _workload(kind: str) -> Mapping[str, Any]:
    labels = {"app": "spare"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    return _spare("apps/v1", kind, replicas=1, selector={"matchLabels": labels}, template=pod)


_SIZE = {"requests": {"storage": "1Gi"}}
_CLAIM = _spare("v1", "PersistentVolumeClaim", accessModes=["ReadWriteOnce"], resources=_SIZE)
_LEASE = _spare("coordination.k8s.io/v1", "Lease", holderIdentity="operator-0", leaseDurationSeconds=15)
_ATTACHMENT = _spare(
    "storage.k8s.io/v1",
    "VolumeAttachment",
    namespace=None,
    attacher="example.com",
    nodeName="node-1",
    source={"persistentVolumeName": "spare"},
)

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
    Job("taint", "kubectl taint nodes node-1 maintenance=disk:NoSchedule"),
    Job(
        "untaint", "kubectl taint nodes node-1 maintenance-", "kubectl taint nodes node-1 maintenance=disk:NoSchedule"
    ),
    Job("create job", "kubectl create job report-by-hand --from=cronjob/nightly-report -n prod"),
    Job("suspend", """kubectl patch cronjob nightly-report -n prod -p '{"spec":{"suspend":true}}'"""),
    Job("delete pod", "kubectl delete pod {pod} -n prod"),
    Job("delete if there", "kubectl delete pod {pod} --ignore-not-found -n prod"),
    Job("delete job", "kubectl delete job migrate-orders -n prod"),
    *(
        Job(
            f"delete {name}",
            f"kubectl delete {name} spare{'' if outside else ' -n prod'}",
            seeds=(seed,),
            risk="critical",
        )
        for name, seed, outside in (
            ("deployment", _workload("Deployment"), False),
            ("replicaset", _workload("ReplicaSet"), False),
            ("pvc", _CLAIM, False),
            ("lease", _LEASE, False),
            ("volumeattachment", _ATTACHMENT, True),
        )
    ),
    Job("two restarts", "kubectl rollout restart deployment/api deployment/web -n prod"),
    Job("drain", "kubectl drain node-2 --ignore-daemonsets --delete-emptydir-data --force"),
)
HOST_JOBS = (
    Job("unit", "ssh web-1 'systemctl restart orders.service'",
        command=("systemctl", "restart"), effects=("restart orders.service",)),
    Job("container", "ssh web-1 'docker restart web'",
        command=("docker", "restart"), effects=("restart web",)),
    Job("compose", "ssh web-1 'docker compose -p shop restart cart'",
        command=("docker", "compose"), effects=("restart shop-cart-1", "restart shop-cart-2")),
    Job("clear log", "ssh web-1 'truncate -s 0 $(docker inspect --format={{.LogPath}} web)'",
        command=("truncate",), effects=("truncate LOG",)),
    Job("certificate", "ssh web-1 'certbot renew --cert-name example.org'",
        command=("certbot", "renew"), effects=("renew example.org",)),
    Job("nginx", "ssh web-1 'nginx -s reload'",
        command=("nginx", "-s"), effects=("reload nginx",)),
    Job("prune", "ssh web-1 'docker volume prune -f'",
        command=("docker", "volume", "prune"), effects=("prune volume",)),
    Job("diagnosis", "ssh web-1 'df -h'",
        command=("uptime",)),
)  # fmt: skip
SEVERAL_STEPS = ("two restarts", "drain")


@dataclass(frozen=True)
class Cell:
    """One operation, lost at one moment."""

    job: Job
    moment: Moment
    nth: int = 1
    """At which step."""

    @property
    def may_be_unknown(self) -> bool:
        """True where a target can be seen half way, which no fact of the plan explains: a person has to look."""
        return self.moment.fault is HostFault.HALF

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
    for job in HOST_JOBS:
        for moment in HOST_MOMENTS:
            if moment.fault is not HostFault.HALF or job.name in HALVES:
                yield Cell(job, moment)


def representative() -> Iterator[Cell]:
    """Return the cells of every test run: each moment at least once, each kind of operation at least once."""
    jobs = {job.name: job for job in JOBS}
    chosen = (
        "restart", "scale", "set image", "delete pod", "label", "undo", "two restarts", "create job", "taint",
        "delete pvc",
    )  # fmt: skip
    for number, moment in enumerate(MOMENTS):
        yield Cell(jobs[chosen[number % len(chosen)]], moment)
    yield Cell(jobs["drain"], MOMENTS[3], nth=2)
    moments = {moment.name: moment for moment in MOMENTS}
    hosts = {job.name: job for job in HOST_JOBS}
    yield Cell(hosts["unit"], moments["killed waiting, arrives late"])
    yield Cell(hosts["container"], moments["stopped, intent"])
