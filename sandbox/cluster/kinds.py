"""The kinds that the sandbox's API server serves: one table that routing, discovery and storage are made from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource in one version of its group."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    model: str
    """The official client's model, from which the schema is read."""
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: bool = False
    """metadata.generation counts changes of the spec."""
    verbs: tuple[str, ...] = (
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
    )  # fmt: skip

    schema: Mapping[str, Any] | None = field(default=None, compare=False)
    """The OpenAPI schema of a kind that a CustomResourceDefinition brought; None for those built in."""

    @property
    def resource(self) -> str:
        """The name in errors and in storage, the same for every version: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The object's apiVersion: "apps/v1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified_kind(self) -> str:
        """The kind as validation errors name it: "Deployment.apps", "Pod"."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


_SCALED = ("scale", "status")
_ALL = ("all",)

KINDS: tuple[Kind, ...] = (
    Kind(group="", version="v1", plural="configmaps", kind="ConfigMap", model="V1ConfigMap", short=("cm",)),
    Kind(group="", version="v1", plural="endpoints", kind="Endpoints", model="V1Endpoints", short=("ep",)),
    Kind(group="", version="v1", plural="events", kind="Event", model="CoreV1Event", short=("ev",)),
    Kind(group="", version="v1", plural="limitranges", kind="LimitRange", model="V1LimitRange", short=("limits",)),
    Kind(
        group="", version="v1", plural="namespaces", kind="Namespace", model="V1Namespace", namespaced=False,
        short=("ns",), subresources=("finalize", "status"),
    ),
    Kind(
        group="", version="v1", plural="nodes", kind="Node", model="V1Node", namespaced=False, short=("no",),
        subresources=("status",),
    ),
    Kind(
        group="", version="v1", plural="persistentvolumeclaims", kind="PersistentVolumeClaim",
        model="V1PersistentVolumeClaim", short=("pvc",), subresources=("status",),
    ),
    Kind(
        group="", version="v1", plural="persistentvolumes", kind="PersistentVolume", model="V1PersistentVolume",
        namespaced=False, short=("pv",), subresources=("status",),
    ),
    Kind(
        group="", version="v1", plural="pods", kind="Pod", model="V1Pod", short=("po",), categories=_ALL,
        subresources=("binding", "eviction", "log", "status"), generation=True,
    ),
    Kind(
        group="", version="v1", plural="replicationcontrollers", kind="ReplicationController", categories=_ALL,
        model="V1ReplicationController", short=("rc",), subresources=_SCALED, generation=True,
    ),
    Kind(
        group="", version="v1", plural="resourcequotas", kind="ResourceQuota", model="V1ResourceQuota",
        short=("quota",), subresources=("status",),
    ),
    Kind(group="", version="v1", plural="secrets", kind="Secret", model="V1Secret"),
    Kind(group="", version="v1", plural="serviceaccounts", kind="ServiceAccount", model="V1ServiceAccount",
         short=("sa",)),
    Kind(
        group="", version="v1", plural="services", kind="Service", model="V1Service", short=("svc",),
        subresources=("status",), categories=_ALL,
    ),
    Kind(
        group="apiextensions.k8s.io", version="v1", plural="customresourcedefinitions",
        kind="CustomResourceDefinition", model="V1CustomResourceDefinition", namespaced=False, short=("crd",),
        subresources=("status",), generation=True,
    ),
    Kind(group="apps", version="v1", plural="controllerrevisions", kind="ControllerRevision",
         model="V1ControllerRevision"),
    Kind(
        group="apps", version="v1", plural="daemonsets", kind="DaemonSet", model="V1DaemonSet", short=("ds",),
        subresources=("status",), categories=_ALL, generation=True,
    ),
    Kind(
        group="apps", version="v1", plural="deployments", kind="Deployment", model="V1Deployment",
        short=("deploy",), subresources=_SCALED, categories=_ALL, generation=True,
    ),
    Kind(
        group="apps", version="v1", plural="replicasets", kind="ReplicaSet", model="V1ReplicaSet", short=("rs",),
        subresources=_SCALED, categories=_ALL, generation=True,
    ),
    Kind(
        group="apps", version="v1", plural="statefulsets", kind="StatefulSet", model="V1StatefulSet",
        short=("sts",), subresources=_SCALED, categories=_ALL, generation=True,
    ),
    Kind(
        group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler",
        model="V2HorizontalPodAutoscaler", short=("hpa",), subresources=("status",), categories=_ALL,
    ),
    Kind(
        group="autoscaling", version="v1", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler",
        model="V1HorizontalPodAutoscaler", short=("hpa",), subresources=("status",), categories=_ALL,
    ),
    Kind(
        group="batch", version="v1", plural="cronjobs", kind="CronJob", model="V1CronJob", short=("cj",),
        subresources=("status",), categories=_ALL, generation=True,
    ),
    Kind(
        group="batch", version="v1", plural="jobs", kind="Job", model="V1Job", subresources=("status",),
        categories=_ALL, generation=True,
    ),
    Kind(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", model="V1Lease"),
    Kind(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice",
         model="V1EndpointSlice"),
    Kind(
        group="networking.k8s.io", version="v1", plural="ingresses", kind="Ingress", model="V1Ingress",
        short=("ing",), subresources=("status",), generation=True,
    ),
    Kind(
        group="networking.k8s.io", version="v1", plural="networkpolicies", kind="NetworkPolicy",
        model="V1NetworkPolicy", short=("netpol",), generation=True,
    ),
    Kind(
        group="policy", version="v1", plural="poddisruptionbudgets", kind="PodDisruptionBudget",
        model="V1PodDisruptionBudget", short=("pdb",), subresources=("status",), generation=True,
    ),
    Kind(
        group="storage.k8s.io", version="v1", plural="storageclasses", kind="StorageClass", model="V1StorageClass",
        namespaced=False, short=("sc",),
    ),
    Kind(
        group="storage.k8s.io", version="v1", plural="volumeattachments", kind="VolumeAttachment",
        model="V1VolumeAttachment", namespaced=False, subresources=("status",),
    ),
)  # fmt: skip

REVIEWS: tuple[Kind, ...] = (
    Kind(
        group="authentication.k8s.io", version="v1", plural="selfsubjectreviews", kind="SelfSubjectReview",
        model="V1SelfSubjectReview", namespaced=False, verbs=("create",),
    ),
    Kind(
        group="authorization.k8s.io", version="v1", plural="selfsubjectaccessreviews",
        kind="SelfSubjectAccessReview", model="V1SelfSubjectAccessReview", namespaced=False, verbs=("create",),
    ),
    Kind(
        group="authorization.k8s.io", version="v1", plural="selfsubjectrulesreviews",
        kind="SelfSubjectRulesReview", model="V1SelfSubjectRulesReview", namespaced=False, verbs=("create",),
    ),
)  # fmt: skip
"""Questions that are posted and answered, never stored."""

METRICS: tuple[Kind, ...] = (
    Kind(group="metrics.k8s.io", version="v1beta1", plural="nodes", kind="NodeMetrics", model="",
         namespaced=False, verbs=("get", "list")),
    Kind(group="metrics.k8s.io", version="v1beta1", plural="pods", kind="PodMetrics", model="",
         verbs=("get", "list")),
)  # fmt: skip
"""Computed when asked for."""

_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in (*KINDS, *REVIEWS, *METRICS)}
_BY_OBJECT = {(kind.api_version, kind.kind): kind for kind in KINDS}
_BY_RESOURCE = {kind.resource: kind for kind in reversed(KINDS)}


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind served at that place, if any."""
    return _BY_PATH.get((group, version, plural))


def kind_of(api_version: str, kind: str) -> Kind | None:
    """Return the kind of an object that says it is `kind` of `api_version`."""
    return _BY_OBJECT.get((api_version, kind))


def stored(resource: str) -> Kind:
    """Return the version of "deployments.apps" or "pods" that is stored."""
    return _BY_RESOURCE[resource]


def stored_or_none(resource: str) -> Kind | None:
    """Return the version that is stored, or None for what is not built in."""
    return _BY_RESOURCE.get(resource)


def groups(more: Iterable[Kind] = ()) -> Iterator[tuple[str, str, tuple[Kind, ...]]]:
    """Yield every served (group, version, its kinds), the preferred version of a group first."""
    served: dict[tuple[str, str], list[Kind]] = {}
    for kind in (*KINDS, *REVIEWS, *METRICS, *more):
        served.setdefault((kind.group, kind.version), []).append(kind)
    for (group, version), kinds in served.items():
        yield group, version, tuple(kinds)
