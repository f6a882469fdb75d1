"""What is asked for on the real cluster: a case for every operation on every kind, and what has to become of it.

In texts NAME is the case's own object, NS the namespace, NODE a node of the case's own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from countersign.actions.kinds import KINDS, kinds_for
from countersign.actions.operation import Verb
from countersign.policy.operations import CRITICAL_DELETIONS

LIMITED, WITH_SECRETS = "limited", "with-secrets"
"""Clusters that are connected with other roles: for restarts alone, and for Secrets too."""


@dataclass(frozen=True)
class Made:
    """An object that there is before."""

    kind: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Fields of its spec that are as the case needs them."""


@dataclass(frozen=True)
class Case:
    """One request and the truth about it."""

    name: str
    action: str
    covers: tuple[Verb, str] | None = None
    """The operation and the kind that it stands for."""
    objects: tuple[Made, ...] = ()
    before: tuple[str, ...] = ()
    """What the administrator does first, with kubectl."""
    risk: str = "medium"
    cluster: str | None = None
    dry_run: bool = False
    outcome: str = "success"
    verdict: str | None = "effective"
    rolled_back: bool = False
    says: str = ""
    """A part of the report's sentence."""
    shows: Mapping[str, str | None] = field(default_factory=dict)
    """What kubectl finds afterwards, by `KIND/NAME PATH` (JSONPath): a pattern, or None where it is gone."""
    pods: str = "the same"
    """What became of the pods of the app NAME: the same, others, more, none."""


_IMAGE: Final = ".spec.template.spec.containers[0].image"
_LEVEL: Final = ".spec.template.spec.containers[0].env[0].value"
_LIMIT: Final = ".spec.template.spec.containers[0].resources.limits.cpu"
_STAMP: Final = r".spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt"
_BAD: Final = '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.example.com/bad:2"}]}}}}'
_ROLLED: Final = ("Deployment", "StatefulSet", "DaemonSet")

_PATCHES: Final[Mapping[str, tuple[str, str, str]]] = {
    "Deployment": ('{"spec":{"minReadySeconds":1}}', ".spec.minReadySeconds", "1"),
    "StatefulSet": (
        '{"spec":{"template":{"metadata":{"labels":{"tier":"gold"}}}}}',
        ".spec.template.metadata.labels.tier",
        "gold",
    ),
    "DaemonSet": ('{"spec":{"minReadySeconds":1}}', ".spec.minReadySeconds", "1"),
    "ReplicaSet": ('{"spec":{"minReadySeconds":1}}', ".spec.minReadySeconds", "1"),
    "Pod": ('{"spec":{"activeDeadlineSeconds":86400}}', ".spec.activeDeadlineSeconds", "86400"),
    "Job": ('{"spec":{"activeDeadlineSeconds":86400}}', ".spec.activeDeadlineSeconds", "86400"),
    "CronJob": ('{"spec":{"suspend":true}}', ".spec.suspend", "true"),
    "Node": ('{"spec":{"unschedulable":true}}', ".spec.unschedulable", "true"),
    "HorizontalPodAutoscaler": ('{"spec":{"maxReplicas":5}}', ".spec.maxReplicas", "5"),
    "PodDisruptionBudget": ('{"spec":{"minAvailable":2}}', ".spec.minAvailable", "2"),
    "Service": ('{"spec":{"sessionAffinity":"ClientIP"}}', ".spec.sessionAffinity", "ClientIP"),
    "ConfigMap": ('{"data":{"level":"debug"}}', ".data.level", "debug"),
    "ServiceAccount": ('{"automountServiceAccountToken":false}', ".automountServiceAccountToken", "false"),
    "Ingress": (
        '{"spec":{"defaultBackend":{"service":{"name":"other"}}}}',
        ".spec.defaultBackend.service.name",
        "other",
    ),
    "NetworkPolicy": ('{"spec":{"policyTypes":["Ingress","Egress"]}}', ".spec.policyTypes[1]", "Egress"),
    "PersistentVolumeClaim": ('{"metadata":{"labels":{"tier":"gold"}}}', ".metadata.labels.tier", "gold"),
    "PersistentVolume": (
        '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}',
        ".spec.persistentVolumeReclaimPolicy",
        "Delete",
    ),
    "Namespace": ('{"metadata":{"labels":{"tier":"gold"}}}', ".metadata.labels.tier", "gold"),
    "Lease": ('{"spec":{"holderIdentity":"operator-1"}}', ".spec.holderIdentity", "operator-1"),
}


def every_operation() -> Iterator[Case]:
    """Yield a case for every operation on every kind that it takes."""
    for kind in _ROLLED:
        yield _case(Verb.RESTART, kind, "rollout restart OBJECT", {_STAMP: "20*T*Z"}, pods="others")
        yield _case(
            Verb.UNDO,
            kind,
            "rollout undo OBJECT",
            {_IMAGE: "app:1"},
            before=(f"set image {_object(kind)} app=app:2", f"rollout status {_object(kind)} --timeout=120s"),
            pods="others",
        )
    yield _case(Verb.PAUSE, "Deployment", "rollout pause OBJECT", {".spec.paused": "true"})
    yield _case(
        Verb.RESUME,
        "Deployment",
        "rollout resume OBJECT",
        {".spec.paused": "", ".status.updatedReplicas": "1", _IMAGE: "app:2"},
        before=("rollout pause deployment/NAME", "set image deployment/NAME app=app:2"),
        pods="others",
    )
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        wanted = {".spec.replicas": "3", ".status.readyReplicas": "3"}
        yield _case(Verb.SCALE, kind, "scale OBJECT --replicas=3", wanted, pods="more")
    yield from _deletions()
    yield from _templates()
    yield from _nodes()
    for kind, (patch, path, value) in _PATCHES.items():
        pods = "others" if kind == "StatefulSet" else "the same"
        yield _case(Verb.PATCH, kind, f"patch OBJECT -p '{patch}'", {path: value}, pods=pods)
    for kind in sorted(each.kind for each in kinds_for(Verb.ANNOTATE)):
        cluster = WITH_SECRETS if kind == "Secret" else None
        yield _case(
            Verb.ANNOTATE,
            kind,
            "annotate OBJECT oncall=mei",
            {".metadata.annotations.oncall": "mei"},
            cluster=cluster,
        )
        yield _case(Verb.LABEL, kind, "label OBJECT tier=gold", {".metadata.labels.tier": "gold"}, cluster=cluster)
    yield Case(
        "create_job-cronjob",
        "kubectl create job NAME --from=cronjob/NAME -n NS",
        (Verb.CREATE_JOB, "CronJob"),
        (Made("CronJob"),),
        shows={"job/NAME .metadata.ownerReferences[0].name": "NAME", "job/NAME .status.active": "1"},
        pods="more",
    )


def _deletions() -> Iterator[Case]:
    for kind in kinds_for(Verb.DELETE):
        yield _case(
            Verb.DELETE,
            kind.kind,
            "delete OBJECT",
            {".metadata.name": None},
            risk="critical" if kind.kind in CRITICAL_DELETIONS else "medium",
            # Where no controller takes the protection of a claim off, nothing but this ends it.
            before=("""patch pvc NAME -p '{"metadata":{"finalizers":null}}'""",) if "Claim" in kind.kind else (),
            pods="none" if kind.kind in ("Deployment", "Job", "Pod", "ReplicaSet") else "the same",
        )


def _templates() -> Iterator[Case]:
    for kind in kinds_for(Verb.SET_IMAGE):
        path = {"Pod": ".spec.containers[0].image"}.get(kind.kind, _at(kind.kind, _IMAGE))
        yield _template(Verb.SET_IMAGE, kind.kind, "set image OBJECT app=app:2", {path: "app:2"})
    for kind in kinds_for(Verb.SET_ENV):
        wanted = {_at(kind.kind, _LEVEL): "debug"}
        yield _template(Verb.SET_ENV, kind.kind, "set env OBJECT LEVEL=debug", wanted)
    for kind in kinds_for(Verb.SET_RESOURCES):
        wanted = {_at(kind.kind, _LIMIT): "200m"}
        yield _template(Verb.SET_RESOURCES, kind.kind, "set resources OBJECT --limits=cpu=200m", wanted)


def _template(verb: Verb, kind: str, command: str, shows: Mapping[str, str]) -> Case:
    return _case(verb, kind, command, shows, pods="others" if kind in _ROLLED else "the same")


def _nodes() -> Iterator[Case]:
    cordoned = {".spec.unschedulable": "true"}
    yield _case(Verb.CORDON, "Node", "cordon NODE", cordoned)
    yield _case(Verb.UNCORDON, "Node", "uncordon NODE", {".spec.unschedulable": ""}, before=("cordon NODE",))
    yield Case(
        "drain-node",
        "kubectl drain NODE --ignore-daemonsets --force",
        (Verb.DRAIN, "Node"),
        (Made("Pod", {"nodeName": "NODE", "tolerations": [{"operator": "Exists"}]}),),
        risk="high",
        shows={"node/NODE .spec.unschedulable": "true", "pod/NAME .metadata.name": None},
        pods="none",
    )
    taint = ".spec.taints[?(@.key=='maintenance')].effect"
    yield _case(Verb.TAINT, "Node", "taint nodes NODE maintenance=disk:NoSchedule", {taint: "NoSchedule"})


def others() -> Iterator[Case]:
    """Yield what is not an operation's good end."""
    deployment = (Made("Deployment"),)
    yield Case(
        "set-image-that-is-rolled-back",
        "kubectl set image deployment/NAME app=registry.example.com/bad:2 -n NS",
        objects=deployment,
        verdict="worse",
        rolled_back=True,
        shows={f"deployment/NAME {_IMAGE}": "app:1", "deployment/NAME .status.readyReplicas": "1"},
    )
    yield Case(
        "patch-that-is-not-rolled-back",
        f"kubectl patch deployment/NAME -n NS -p '{_BAD}'",
        objects=deployment,
        verdict="worse",
        shows={f"deployment/NAME {_IMAGE}": "registry.example.com/bad:2"},
        pods="more",
    )
    yield Case(
        "scale-to-the-same-number",
        "kubectl scale deployment/NAME --replicas=1 -n NS",
        objects=deployment,
        says="Already in the wanted state, nothing was sent",
        shows={"deployment/NAME .metadata.generation": "1"},
    )
    yield Case(
        "target-that-is-not-there",
        "kubectl rollout restart deployment/NAME -n NS",
        outcome="blocked",
        verdict=None,
        says="Deployment NS/NAME does not exist",
    )
    yield Case(
        "delete-what-is-not-there",
        "kubectl delete pod NAME --ignore-not-found -n NS",
        says="Nothing to delete, not found: pod NS/NAME",
    )
    yield Case(
        "dry-run",
        "kubectl delete pod NAME -n NS",
        objects=(Made("Pod"),),
        dry_run=True,
        outcome="dry_run",
        verdict=None,
        shows={"pod/NAME .metadata.deletionTimestamp": ""},
    )
    yield Case(
        "investigate",
        "kubectl get deployment NAME -n NS",
        objects=deployment,
        outcome="investigated",
        verdict=None,
    )
    yield Case(
        "secret-that-the-role-leaves-out",
        "kubectl label secret NAME tier=gold -n NS",
        objects=(Made("Secret"),),
        outcome="failed",
        verdict=None,
        says='secrets "NAME" is forbidden',
        shows={"secret/NAME .metadata.labels.tier": ""},
    )
    yield Case(
        "what-a-smaller-role-does",
        "kubectl rollout restart deployment/NAME -n NS",
        objects=deployment,
        cluster=LIMITED,
        shows={f"deployment/NAME {_STAMP}": "20*T*Z"},
        pods="others",
    )
    yield Case(
        "what-a-smaller-role-lacks",
        "kubectl label configmap NAME tier=gold -n NS",
        objects=(Made("ConfigMap"),),
        cluster=LIMITED,
        outcome="failed",
        verdict=None,
        says='configmaps "NAME" is forbidden',
        shows={"configmap/NAME .metadata.labels.tier": ""},
    )


def _case(verb: Verb, kind: str, command: str, shows: Mapping[str, str | None], **other: Any) -> Case:
    of = _object(kind)
    where = " -n NS" if KINDS[kind].namespaced else ""
    return Case(
        f"{verb.value}-{kind.lower()}",
        f"kubectl {command.replace('OBJECT', of)}{where}",
        (verb, kind),
        () if kind == "Node" else (Made(kind),),
        shows={f"{of} {path}": value for path, value in shows.items()},
        **other,
    )


def _object(kind: str) -> str:
    return f"{KINDS[kind].singular}/{'NODE' if kind == 'Node' else 'NAME'}"


def _at(kind: str, path: str) -> str:
    return f".spec.jobTemplate{path}" if kind == "CronJob" else path


CASES: Final[Mapping[str, Case]] = {case.name: case for case in (*every_operation(), *others())}
