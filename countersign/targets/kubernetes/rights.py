"""Pure: the rights that each operation needs on a cluster, as data, and for which of its steps.

A role is made from this (`roles`), and a cluster is asked about it (`reviewing`). An operation that the catalogue
gains is an entry in `OF_VERB`; on which kinds it acts is the catalogue's to say.

What every authenticated user may do anyway is not listed: discovery, reviews of one's own rights (the ClusterRoles
system:discovery and system:basic-user).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from countersign.actions.kinds import KINDS, Kind, kinds_for
from countersign.actions.operation import Verb
from countersign.errors import InvalidInput


class Phase(StrEnum):
    """The step of an operation that asks the cluster."""

    RESOLVE = "resolve"
    PLAN = "plan"
    PREFLIGHT = "preflight"
    APPLY = "apply"
    INSPECT = "inspect"
    OBSERVE = "observe"
    ROLLBACK = "rollback"
    INVESTIGATE = "investigate"


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, as RBAC counts them."""

    group: str
    """"" is the core group."""
    resource: str
    """Plural; with a subresource as `pods/eviction`."""
    verb: str
    everywhere: bool = False
    """Asked for outside of any namespace: objects that have none, and lists over all namespaces."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' if self.group else ''}{self.group}"


@dataclass(frozen=True)
class Need:
    """A right, and what needs it."""

    right: Right
    operation: str
    """As the policy calls it: restart, set_image, …, investigate."""
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class Declared:
    """A right as an operation declares it."""

    verb: str
    phases: tuple[Phase, ...]
    resource: str | None = None
    """`plural` or `plural.group`; None is the kind that the operation acts on."""
    everywhere: bool = False
    of: frozenset[str] = frozenset()
    """Only where the operation acts on one of these kinds; empty is any."""


INVESTIGATE: Final = "investigate"
_SECRETS: Final = frozenset({"Secret"})
OPERATIONS: Final = (*(verb.value for verb in Verb), INVESTIGATE)

_FOUND: Final = (
    Declared("get", (Phase.RESOLVE, Phase.PLAN, Phase.PREFLIGHT, Phase.INSPECT, Phase.OBSERVE)),
    Declared("list", (Phase.RESOLVE,)),  # the names near one that does not exist
)
# A dry run asks for the same right as the request itself.
_CHANGED: Final = (Declared("patch", (Phase.PLAN, Phase.PREFLIGHT, Phase.APPLY, Phase.ROLLBACK)),)
_HISTORY: Final = (
    Declared("list", (Phase.PLAN,), "replicasets.apps", of=frozenset({"Deployment"})),
    Declared("list", (Phase.PLAN,), "controllerrevisions.apps", of=frozenset({"StatefulSet", "DaemonSet"})),
)
_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
_REPLICAS: Final = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
_CAPACITY: Final = (
    Declared("list", (Phase.PREFLIGHT,), "horizontalpodautoscalers.autoscaling", of=_REPLICAS),
    Declared("list", (Phase.PREFLIGHT,), "poddisruptionbudgets.policy", of=_REPLICAS),
)
# Without it, a verification reads again and again what it could be told of. What is deleted is not watched.
_WATCHED: Final = (Declared("watch", (Phase.OBSERVE,), of=_WORKLOADS | {"Pod", "Node"}),)
_OBSERVED: Final = (
    Declared("list", (Phase.OBSERVE,), "pods", of=_WORKLOADS),
    Declared("list", (Phase.OBSERVE,), "replicasets.apps", of=frozenset({"Deployment"})),
    Declared("list", (Phase.OBSERVE,), "pods", everywhere=True, of=frozenset({"Node"})),
)
# The objects that make a new pod for a deleted one tell whether the deletion was survived.
_SURVIVED: Final = tuple(
    Declared(verb, (Phase.OBSERVE,), resource, of=frozenset({"Pod"}))
    for resource in ("replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
    for verb in ("get", "watch")
)

OF_VERB: Final[Mapping[Verb, tuple[Declared, ...]]] = {
    Verb.RESTART: _CHANGED,
    Verb.PAUSE: _CHANGED,
    Verb.RESUME: _CHANGED,
    Verb.SET_IMAGE: _CHANGED,
    Verb.SET_ENV: _CHANGED,
    Verb.SET_RESOURCES: _CHANGED,
    Verb.CORDON: _CHANGED,
    Verb.UNCORDON: _CHANGED,
    Verb.ANNOTATE: _CHANGED,
    Verb.LABEL: _CHANGED,
    Verb.UNDO: (*_CHANGED, *_HISTORY),
    Verb.SCALE: (*_CHANGED, *_CAPACITY),
    Verb.PATCH: (*_CHANGED, *_CAPACITY),  # it may be of the replicas
    Verb.DELETE: (
        Declared("delete", (Phase.PREFLIGHT, Phase.APPLY)),
        Declared("list", (Phase.PREFLIGHT,), "poddisruptionbudgets.policy", of=frozenset({"Pod"})),
        Declared("list", (Phase.OBSERVE,), "pods", of=frozenset({"Pod"})),
        # What uses a claim or an attachment.
        Declared("list", (Phase.PREFLIGHT,), "pods", of=frozenset({"PersistentVolumeClaim"})),
        Declared(
            "get", (Phase.PREFLIGHT,), "persistentvolumes", everywhere=True, of=frozenset({"PersistentVolumeClaim"})
        ),
        Declared("get", (Phase.PREFLIGHT,), "nodes", everywhere=True, of=frozenset({"VolumeAttachment"})),
        *_SURVIVED,
    ),
    Verb.TAINT: (*_CHANGED, Declared("list", (Phase.PLAN,), "pods", everywhere=True)),
    Verb.CREATE_JOB: (
        Declared("get", (Phase.PLAN, Phase.PREFLIGHT, Phase.INSPECT, Phase.OBSERVE), "jobs.batch"),
        Declared("list", (Phase.PLAN, Phase.INSPECT), "events"),
        Declared("create", (Phase.PREFLIGHT, Phase.APPLY), "jobs.batch"),
        Declared("watch", (Phase.OBSERVE,), "jobs.batch"),
        Declared("list", (Phase.OBSERVE,), "pods"),
    ),
    Verb.DRAIN: (
        *_CHANGED,
        Declared("list", (Phase.PLAN, Phase.APPLY), "pods", everywhere=True),
        Declared("watch", (Phase.APPLY,), "pods", everywhere=True),
        Declared("list", (Phase.PLAN,), "daemonsets.apps", everywhere=True),
        Declared("create", (Phase.PREFLIGHT, Phase.APPLY), "pods/eviction"),
        Declared("get", (Phase.APPLY, Phase.INSPECT), "pods"),
    ),
}
"""What each verb needs beside finding and observing its object, which all of them do."""

_READ: Final = (Phase.INVESTIGATE,)
OF_INVESTIGATIONS: Final = (
    *(Declared(verb, _READ) for verb in ("get", "list", "watch")),  # watch: rollout status and wait
    Declared("get", _READ, "pods/log"),
    Declared("list", _READ, "controllerrevisions.apps"),  # rollout history
    # events, and what describe shows of an object
    Declared("list", _READ, "events"),
    Declared("list", _READ, "endpointslices.discovery.k8s.io"),
    Declared("list", _READ, "resourcequotas"),
    Declared("list", _READ, "limitranges"),
    Declared("list", _READ, "pods", everywhere=True, of=frozenset({"Node"})),
    Declared("get", _READ, "leases.coordination.k8s.io", everywhere=True, of=frozenset({"Node"})),
    Declared("list", _READ, "resourceslices.resource.k8s.io", everywhere=True, of=frozenset({"Node"})),
    # top, where the cluster has a metrics server
    Declared("get", _READ, "pods.metrics.k8s.io"),
    Declared("list", _READ, "pods.metrics.k8s.io"),
    Declared("get", _READ, "nodes.metrics.k8s.io", everywhere=True),
    Declared("list", _READ, "nodes.metrics.k8s.io", everywhere=True),
)
"""What the read-only commands of kubectl need, for each kind of the catalogue."""


def operations_named(names: Iterable[str]) -> tuple[str, ...]:
    """Return the operations in the catalogue's order. Raises InvalidInput for a name that is none."""
    wanted = [name.strip().lower().replace("-", "_") for name in names]
    for name in wanted:
        if name not in OPERATIONS:
            near = get_close_matches(name, OPERATIONS, n=1)
            raise InvalidInput(
                f"no operation on a cluster is called {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"known are {', '.join(OPERATIONS)}",
            )
    return tuple(operation for operation in OPERATIONS if operation in wanted)


def needs_of(operations: Iterable[str], *, secrets: bool) -> tuple[Need, ...]:
    """Return what the operations need, each right once per operation, sorted by right.

    Without `secrets`, Secrets are no kind that is acted on or read. Names must be of OPERATIONS.
    """
    found: dict[tuple[Right, str], list[Phase]] = {}
    for operation in operations:
        for right, phases in _rights(operation, secrets=secrets):
            known = found.setdefault((right, operation), [])
            known += [phase for phase in phases if phase not in known]
    order = {operation: number for number, operation in enumerate(OPERATIONS)}
    return tuple(
        Need(right, operation, tuple(phase for phase in Phase if phase in phases))
        for (right, operation), phases in sorted(found.items(), key=lambda item: (item[0][0], order[item[0][1]]))
    )


def _rights(operation: str, *, secrets: bool) -> Iterator[tuple[Right, tuple[Phase, ...]]]:
    if operation == INVESTIGATE:
        kinds: tuple[Kind, ...] = tuple(KINDS.values())
        declared = OF_INVESTIGATIONS
    else:
        verb = Verb(operation)
        watched = () if verb is Verb.DELETE else _WATCHED
        kinds, declared = kinds_for(verb), (*_FOUND, *OF_VERB[verb], *_OBSERVED, *watched)
    for kind in kinds:
        if kind.kind in _SECRETS and not secrets:
            continue
        for one in declared:
            if not one.of or kind.kind in one.of:
                yield _right(one, kind), one.phases
        if operation != INVESTIGATE:
            yield Right("", "events", "list", everywhere=not kind.namespaced), (Phase.OBSERVE,)
            if kind.namespaced:
                # Whether the namespace exists, where nothing of that kind does, and whether it is being deleted.
                yield Right("", "namespaces", "get"), (Phase.RESOLVE, Phase.PREFLIGHT)


def _right(declared: Declared, kind: Kind) -> Right:
    if declared.resource is None:
        # A request about one Namespace is one within it (k8s.io/apiserver, endpoints/request/requestinfo.go).
        within = kind.namespaced or (kind.kind == "Namespace" and declared.verb == "patch")
        return Right(kind.group, kind.plural, declared.verb, everywhere=not within)
    plural, _, group = declared.resource.partition(".")
    return Right(group, plural, declared.verb, everywhere=declared.everywhere)
