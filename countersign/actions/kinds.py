"""The kinds of Kubernetes object that an action can name, and what can be done to each.

Names are the ones that kubectl resolves from the API server's discovery: plural, singular, kind, short
name, each also with its group (`deployments.apps`) or version and group (`deployments.v1.apps`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from countersign.actions.custom_kinds import CUSTOM_VERBS, custom_resource, is_custom
from countersign.actions.operation import Verb

_ROLLED_OUT: Final = frozenset({Verb.RESTART, Verb.UNDO})
_TEMPLATE: Final = frozenset({Verb.SET_IMAGE, Verb.SET_ENV, Verb.SET_RESOURCES})
_METADATA: Final = frozenset({Verb.ANNOTATE, Verb.LABEL})
_EDITED: Final = _METADATA | {Verb.PATCH}
_NODE: Final = frozenset({Verb.CORDON, Verb.UNCORDON, Verb.DRAIN, Verb.TAINT})


@dataclass(frozen=True)
class Kind:
    """One kind: how it is written and which verbs it allows."""

    kind: str
    plural: str
    group: str
    """"" is the core group."""
    verbs: frozenset[Verb]
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    versions: tuple[str, ...] = ("v1",)
    """What may stand between name and group."""

    @property
    def singular(self) -> str:
        """The kind in lower case, the form that canonical commands use."""
        return self.kind.lower()

    def spellings(self) -> Iterator[str]:
        """Yield every lower-case word that means this kind, without a version."""
        for name in (*self.short_names, self.plural, self.singular):
            yield name
            # What kubectl calls fully qualified: the core group's kinds end with a dot.
            yield f"{name}.{self.group}" if self.group else f"{name}."


_HPA_VERSIONS: Final = ("v1", "v2", "v2beta1", "v2beta2")
_VERSION: Final = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?")

KINDS: Final[dict[str, Kind]] = {
    kind.kind: kind
    for kind in (
        # kubectl: pausing and resuming are a Deployment's alone.
        Kind(
            "Deployment",
            "deployments",
            "apps",
            _ROLLED_OUT | _TEMPLATE | _EDITED | {Verb.PAUSE, Verb.RESUME, Verb.SCALE, Verb.DELETE},
            ("deploy",),
        ),
        Kind("StatefulSet", "statefulsets", "apps", _ROLLED_OUT | _TEMPLATE | _EDITED | {Verb.SCALE}, ("sts",)),
        Kind("DaemonSet", "daemonsets", "apps", _ROLLED_OUT | _TEMPLATE | _EDITED, ("ds",)),
        Kind("ReplicaSet", "replicasets", "apps", _TEMPLATE | _EDITED | {Verb.SCALE, Verb.DELETE}, ("rs",)),
        Kind("Pod", "pods", "", _EDITED | {Verb.DELETE, Verb.SET_IMAGE}, ("po",)),
        Kind("Job", "jobs", "batch", _EDITED | {Verb.DELETE}),
        Kind(
            "CronJob",
            "cronjobs",
            "batch",
            _TEMPLATE | _EDITED | {Verb.CREATE_JOB},
            ("cj",),
            versions=("v1", "v1beta1"),
        ),
        Kind("Node", "nodes", "", _EDITED | _NODE, ("no",), namespaced=False),
        Kind(
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            "autoscaling",
            _EDITED,
            ("hpa",),
            versions=_HPA_VERSIONS,
        ),
        Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy", _EDITED, ("pdb",), versions=("v1", "v1beta1")),
        Kind("Service", "services", "", _EDITED, ("svc",)),
        Kind("ConfigMap", "configmaps", "", _EDITED, ("cm",)),
        # A patch of a Secret would put its contents into the approval, the plan and the evidence.
        Kind("Secret", "secrets", "", _METADATA),
        Kind("ServiceAccount", "serviceaccounts", "", _EDITED, ("sa",)),
        Kind("Ingress", "ingresses", "networking.k8s.io", _EDITED, ("ing",), versions=("v1", "v1beta1")),
        Kind("NetworkPolicy", "networkpolicies", "networking.k8s.io", _EDITED, ("netpol",)),
        Kind("PersistentVolumeClaim", "persistentvolumeclaims", "", _EDITED | {Verb.DELETE}, ("pvc",)),
        Kind("PersistentVolume", "persistentvolumes", "", _EDITED, ("pv",), namespaced=False),
        Kind("Namespace", "namespaces", "", _EDITED, ("ns",), namespaced=False),
        Kind("Lease", "leases", "coordination.k8s.io", _EDITED | {Verb.DELETE}, versions=("v1", "v1beta1")),
        Kind(
            "VolumeAttachment",
            "volumeattachments",
            "storage.k8s.io",
            _METADATA | {Verb.DELETE},
            namespaced=False,
            versions=("v1", "v1beta1"),
        ),
        Kind("StorageClass", "storageclasses", "storage.k8s.io", _METADATA, ("sc",), namespaced=False),
    )
}

_BY_SPELLING: Final[dict[str, Kind]] = {word: kind for kind in KINDS.values() for word in kind.spellings()}


def find_kind(word: str) -> Kind | None:
    """Return the kind that `word` means without naming a version, in any case as kubectl has it, or None."""
    known = _BY_SPELLING.get(word.lower())
    custom = custom_resource(word) if known is None else None
    return _custom(custom[0]) if custom is not None and custom[1] is None else known


def kind_called(name: str) -> Kind:
    """Return the kind of an operation; one with a group in its name is a custom resource."""
    return _custom(name) if is_custom(name) else KINDS[name]


def _custom(resource: str, *versions: str) -> Kind:
    name, _, group = resource.partition(".")
    return Kind(resource, name, group, CUSTOM_VERBS, versions=versions)


def find_version(word: str) -> tuple[Kind, str] | None:
    """Return the kind and the version of `name.version.group` (deployments.v1.apps, pods.v1.), else None.

    The version need not be one that the kind has.
    """
    name, _, rest = word.lower().partition(".")
    version, dot, group = rest.partition(".")
    if not dot or not _VERSION.fullmatch(version):
        return None
    kind = _BY_SPELLING.get(f"{name}.{group}")
    if kind is not None:
        return kind, version
    custom = custom_resource(word)
    return (_custom(custom[0], version), version) if custom is not None else None


def nearest_kind(word: str) -> Kind | None:
    """Return the kind whose spelling is closest to `word`, for a hint."""
    near = get_close_matches(word.lower()[:80], _BY_SPELLING, n=1, cutoff=0.7)
    return _BY_SPELLING[near[0]] if near else None


def kinds_for(verb: Verb) -> tuple[Kind, ...]:
    """Return the kinds that allow `verb`, in the catalogue's order."""
    return tuple(kind for kind in KINDS.values() if verb in kind.verbs)
