"""The operations of the matrix: what is there first, the action, and what the object shows once it has happened.

Every operation of the catalogue has a row, patches one of each type; a test compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from countersign.actions.operation import PatchType, Verb
from tests.contract.objects import Object, configmap, container, deployment, job, pod, statefulset

SUBJECT, MADE = "shop", "made"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
OLD, NEW = "registry.invalid/shop:1", "registry.invalid/shop:2"


@dataclass(frozen=True)
class Job:
    """One operation on the object `shop`, or on a node or pod named for it."""

    name: str
    verb: Verb
    action: str
    """{ns} is the namespace, {node} the node; both are the cell's own."""
    resource: str
    """Plural of the object's kind."""
    made: Callable[[str], Object]
    """Returns the object of that name, as it is created."""
    is_done: Callable[[Any], bool]
    """Tells whether the object shows the change; never asked about one that is to be gone."""
    change: Mapping[str, Any] | None = None
    """A merge patch made beforehand."""
    patch_type: PatchType | None = None
    also: str | None = None
    """Plural of what else it acts on: pods that are evicted, a job that is made."""

    @property
    def name_of_subject(self) -> str:
        """The object's name; {ns} is the namespace."""
        if self.resource == "nodes":
            return "node-{ns}"
        return f"{SUBJECT}-0" if self.resource == "pods" else SUBJECT

    @property
    def removes(self) -> bool:
        """True where the object is to be gone."""
        return self.verb is Verb.DELETE


def at(item: Any, *path: str) -> Any:
    """Return the field at `path`, None where there is none. "*" is a list's first item."""
    for key in path:
        item = (item or [None])[0] if key == "*" else (item or {}).get(key)
    return item


_TEMPLATE = ("spec", "template")
_CONTAINER = (*_TEMPLATE, "spec", "containers", "*")


def _deployment(name: str, **spec: Any) -> Object:
    return deployment(name, container("app", OLD, env=[{"name": "LOG_LEVEL", "value": "info"}]), replicas=0, **spec)


def _statefulset(name: str, replicas: int = 0) -> Object:
    made = statefulset(name, replicas=replicas)
    made["spec"]["template"]["spec"]["containers"] = [container("app", OLD)]
    return made


def _autoscaler(name: str) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "elsewhere"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def _node(name: str, **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def _cronjob(name: str) -> Object:
    spec = {"schedule": "0 3 1 1 *", "suspend": True, "jobTemplate": {"spec": job()["spec"]}}
    return {"kind": "CronJob", "metadata": {"name": name}, "spec": spec}


def _image(item: Any) -> Any:
    return at(item, *_CONTAINER, "image")


_NEW_IMAGE = {"spec": {"template": {"spec": {"containers": [container("app", NEW)]}}}}


def _literal(text: str) -> str:
    """Return text that `str.format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def _patch(kind: PatchType, text: str, seconds: int) -> Job:
    return Job(
        f"patch, {kind.value}",
        Verb.PATCH,
        f"kubectl patch deployment shop -n {{ns}} --type={kind.value} -p '{_literal(text)}'",
        "deployments",
        _deployment,
        lambda item: at(item, "spec", "minReadySeconds") == seconds,
        patch_type=kind,
    )


JOBS = (
    Job(
        "restart",
        Verb.RESTART,
        "kubectl rollout restart deployment/shop -n {ns}",
        "deployments",
        _deployment,
        lambda item: bool(at(item, *_TEMPLATE, "metadata", "annotations", RESTARTED_AT)),
    ),
    Job(
        "restart sts",
        Verb.RESTART,
        "kubectl rollout restart statefulset/shop -n {ns}",
        "statefulsets",
        _statefulset,
        lambda item: bool(at(item, *_TEMPLATE, "metadata", "annotations", RESTARTED_AT)),
    ),
    Job(
        "undo",
        Verb.UNDO,
        "kubectl rollout undo deployment/shop -n {ns}",
        "deployments",
        _deployment,
        lambda item: bool(_image(item) == OLD),
        change=_NEW_IMAGE,
    ),
    Job(
        "undo sts",
        Verb.UNDO,
        "kubectl rollout undo statefulset/shop -n {ns}",
        "statefulsets",
        _statefulset,
        lambda item: bool(_image(item) == OLD),
        change=_NEW_IMAGE,
    ),
    Job(
        "pause",
        Verb.PAUSE,
        "kubectl rollout pause deployment/shop -n {ns}",
        "deployments",
        _deployment,
        lambda item: at(item, "spec", "paused") is True,
    ),
    Job(
        "resume",
        Verb.RESUME,
        "kubectl rollout resume deployment/shop -n {ns}",
        "deployments",
        lambda name: _deployment(name, paused=True),
        lambda item: not at(item, "spec", "paused"),
    ),
    Job(
        "scale",
        Verb.SCALE,
        "kubectl scale deployment/shop --replicas=2 -n {ns}",
        "deployments",
        _deployment,
        lambda item: at(item, "spec", "replicas") == 2,
    ),
    Job(
        "delete pod",
        Verb.DELETE,
        "kubectl delete pod shop-0 -n {ns}",
        "pods",
        lambda name: _statefulset(name.removesuffix("-0"), replicas=1),
        lambda item: False,
    ),
    Job(
        "delete if there",
        Verb.DELETE,
        "kubectl delete pod shop-0 --ignore-not-found -n {ns}",
        "pods",
        lambda name: _statefulset(name.removesuffix("-0"), replicas=1),
        lambda item: False,
    ),
    Job(
        "delete job",
        Verb.DELETE,
        "kubectl delete job shop -n {ns}",
        "jobs",
        job,
        lambda item: False,
    ),
    Job(
        "set image",
        Verb.SET_IMAGE,
        f"kubectl set image deployment/shop app={NEW} -n {{ns}}",
        "deployments",
        _deployment,
        lambda item: bool(_image(item) == NEW),
    ),
    Job(
        "set env",
        Verb.SET_ENV,
        "kubectl set env deployment/shop LOG_LEVEL=debug -n {ns}",
        "deployments",
        _deployment,
        lambda item: at(item, *_CONTAINER, "env", "*", "value") == "debug",
    ),
    Job(
        "set resources",
        Verb.SET_RESOURCES,
        "kubectl set resources deployment/shop -c app --limits=memory=384Mi -n {ns}",
        "deployments",
        _deployment,
        lambda item: at(item, *_CONTAINER, "resources", "limits", "memory") == "384Mi",
    ),
    Job(
        "cordon",
        Verb.CORDON,
        "kubectl cordon {node}",
        "nodes",
        _node,
        lambda item: at(item, "spec", "unschedulable") is True,
    ),
    Job(
        "uncordon",
        Verb.UNCORDON,
        "kubectl uncordon {node}",
        "nodes",
        lambda name: _node(name, unschedulable=True),
        lambda item: not at(item, "spec", "unschedulable"),
    ),
    Job(
        "taint",
        Verb.TAINT,
        "kubectl taint nodes {node} dedicated=db:PreferNoSchedule",
        "nodes",
        _node,
        lambda item: any(each["key"] == "dedicated" for each in at(item, "spec", "taints") or ()),
    ),
    Job(
        "create job",
        Verb.CREATE_JOB,
        f"kubectl create job {MADE} --from=cronjob/shop -n {{ns}}",
        "cronjobs",
        _cronjob,
        lambda item: False,
        also="jobs",
    ),
    Job(
        "drain",
        Verb.DRAIN,
        "kubectl drain {node} --ignore-daemonsets --force --timeout=30s",
        "nodes",
        _node,
        lambda item: at(item, "spec", "unschedulable") is True,
        also="pods",
    ),
    _patch(PatchType.STRATEGIC, '{"spec":{"minReadySeconds":1}}', 1),
    _patch(PatchType.MERGE, '{"spec":{"minReadySeconds":2}}', 2),
    _patch(PatchType.JSON, '[{"op":"add","path":"/spec/minReadySeconds","value":3}]', 3),
    Job(
        "autoscaler",
        Verb.PATCH,
        """kubectl patch hpa shop -n {ns} --type=merge -p '{{"spec":{{"maxReplicas":7}}}}'""",
        "horizontalpodautoscalers",
        _autoscaler,
        lambda item: at(item, "spec", "maxReplicas") == 7,
    ),
    Job(
        "annotate",
        Verb.ANNOTATE,
        "kubectl annotate deployment/shop reviewed=yes -n {ns}",
        "deployments",
        _deployment,
        lambda item: at(item, "metadata", "annotations", "reviewed") == "yes",
    ),
    Job(
        "label",
        Verb.LABEL,
        "kubectl label configmap/shop tier=backend -n {ns}",
        "configmaps",
        lambda name: configmap(name, LOG_LEVEL="info"),
        lambda item: at(item, "metadata", "labels", "tier") == "backend",
    ),
)  # fmt: skip

DRAINED = ("a", "b")
"""Pods on the node of a drain."""


def drained_pod(name: str, node: str) -> Object:
    """A pod that an eviction removes at once, without a kubelet."""
    return pod(name, nodeName=node)
