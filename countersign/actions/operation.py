"""What an action's text can mean: frozen values that the rest of Countersign works with.

A reading is an operation on Kubernetes, a host operation, an investigation (read-only kubectl) or an
observation (nothing is executed). Text that is none of these raises ParseFailure.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What can be done to a Kubernetes object."""

    RESTART = "restart"
    UNDO = "undo"
    PAUSE = "pause"
    RESUME = "resume"
    SCALE = "scale"
    DELETE = "delete"
    SET_IMAGE = "set_image"
    SET_ENV = "set_env"
    SET_RESOURCES = "set_resources"
    CORDON = "cordon"
    UNCORDON = "uncordon"
    DRAIN = "drain"
    PATCH = "patch"
    ANNOTATE = "annotate"
    LABEL = "label"
    TAINT = "taint"
    CREATE_JOB = "create_job"


class PatchType(StrEnum):
    """kubectl patch --type."""

    STRATEGIC = "strategic"
    MERGE = "merge"
    JSON = "json"


@dataclass(frozen=True)
class NoParameters:
    """restart, pause, resume, cordon, uncordon."""


@dataclass(frozen=True)
class UndoParameters:
    to_revision: int | None = None
    """None is the revision before the current one."""


@dataclass(frozen=True)
class ScaleParameters:
    replicas: int
    current_replicas: int | None = None
    """kubectl's --current-replicas: refuse unless the object has this many now."""


@dataclass(frozen=True)
class DeleteParameters:
    grace_period_seconds: int | None = None
    force: bool = False
    ignore_not_found: bool = False
    """An object that is not there under exactly its name is nothing to do."""


@dataclass(frozen=True)
class SetImageParameters:
    images: tuple[tuple[str, str], ...]
    """(container, image); the container "*" is every container, as in kubectl."""


@dataclass(frozen=True)
class SetEnvParameters:
    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    containers: str = "*"
    """kubectl's -c: a name or a pattern with *."""
    overwrite: bool = True


@dataclass(frozen=True)
class SetResourcesParameters:
    limits: tuple[tuple[str, str], ...] = ()
    requests: tuple[tuple[str, str], ...] = ()
    containers: str = "*"


@dataclass(frozen=True)
class DrainParameters:
    ignore_daemonsets: bool = False
    delete_emptydir_data: bool = False
    force: bool = False
    grace_period_seconds: int | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True)
class PatchParameters:
    type: PatchType
    patch: str
    """Canonical JSON (countersign.canonical) of the patch."""


@dataclass(frozen=True)
class MetadataParameters:
    """annotate and label."""

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    overwrite: bool = False


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it (core/v1 TaintEffect)."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


@dataclass(frozen=True)
class Taint:
    """One taint of a node; `value` may be empty."""

    key: str
    value: str
    effect: TaintEffect


@dataclass(frozen=True)
class TaintParameters:
    set: tuple[Taint, ...] = ()
    remove: tuple[tuple[str, TaintEffect | None], ...] = ()
    """(key, effect); None is every effect."""
    overwrite: bool = False


@dataclass(frozen=True)
class CreateJobParameters:
    job: str
    """The name of the Job that is made; the operation's object is the CronJob."""


Parameters = (
    NoParameters
    | UndoParameters
    | ScaleParameters
    | DeleteParameters
    | SetImageParameters
    | SetEnvParameters
    | SetResourcesParameters
    | DrainParameters
    | PatchParameters
    | MetadataParameters
    | TaintParameters
    | CreateJobParameters
)


@dataclass(frozen=True)
class Named:
    """Objects of one kind."""

    kind: str
    names: tuple[str, ...]
    version: str | None = None


@dataclass(frozen=True)
class KubernetesOperation:
    """One mutation of one or several named objects."""

    verb: Verb
    kind: str
    """Kubernetes kind, e.g. "Deployment"; a key of countersign.actions.kinds."""
    names: tuple[str, ...]
    namespace: str | None
    """None when the text names none: the cluster block's default applies. Always None for cluster-scoped kinds."""
    parameters: Parameters
    version: str | None = None
    """The version of the API that the text names, e.g. "v1" of hpa.v1.autoscaling; requests go to that one."""
    also: tuple[Named, ...] = ()
    """Objects of further kinds, where the verb takes several."""
    cluster: str | None = None
    """None when the text names none: the request says which, or it is the default one."""

    @property
    def objects(self) -> tuple[Named, ...]:
        """All objects, by kind, in the order of the text."""
        return (Named(self.kind, self.names, self.version), *self.also)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all objects, as the text has them."""
        return tuple(name for group in self.objects for name in group.names)


@dataclass(frozen=True)
class HostOperation:
    """One call of a host tool."""

    tool: str
    """A tool of spec section 5, e.g. "ssh_systemctl_restart"."""
    host: str
    user: str | None = None
    port: int | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    """(name, value), sorted by name, e.g. (("unit", "nginx.service"),)."""


@dataclass(frozen=True)
class Investigation:
    """A read-only kubectl command, run by the real binary with this argument list (without "kubectl")."""

    argv: tuple[str, ...]
    cluster: str | None = None
    """The cluster that the text names; it is not among `argv`."""


@dataclass(frozen=True)
class Observation:
    """Nothing is executed, which is a success."""

    marker: str
    """What in the text said so, e.g. "NO_ACTION"."""


Operation = KubernetesOperation | HostOperation
Reading = Operation | Investigation | Observation
