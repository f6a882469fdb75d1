"""The catalogue of operations: how each is written for kubectl, which flags it reads, what it does.

The parser, the printer of canonical commands, the table in docs/actions.md, the hints and `explain` are all
made from it. A new operation is an entry here, a parameter reader in `parameters` and a corpus line.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from countersign.actions.common_flags import (
    CHANGING,
    FIELD_MANAGER,
    LOCAL,
    RECORD,
    RESOURCE_VERSION,
    TIMEOUT_IGNORED,
)
from countersign.actions.flags import Flag, Takes, Use
from countersign.actions.kinds import Kind, kinds_for
from countersign.actions.operation import PatchType, Verb


class Arguments(Enum):
    """What stands after the command, besides flags."""

    OBJECTS = "TYPE/NAME …"
    OBJECTS_AND_PAIRS = "TYPE/NAME … KEY=VALUE … KEY-"
    OBJECTS_AND_IMAGES = "TYPE/NAME … CONTAINER=IMAGE …"
    NODES = "NODE …"
    JOB = "NAME --from=cronjob/NAME"
    NODES_AND_TAINTS = "nodes NODE … KEY=VALUE:EFFECT … KEY:EFFECT-"


@dataclass(frozen=True)
class Entry:
    """One operation of the catalogue."""

    verb: Verb
    command: tuple[str, ...]
    """The words after `kubectl`."""
    arguments: Arguments
    flags: tuple[Flag, ...]
    example: str
    description: str
    """One line for people, starting with a verb."""
    several_kinds: bool = False
    """It takes objects of several kinds in one line."""

    @property
    def written(self) -> str:
        """The command as people say it."""
        return "kubectl " + " ".join(self.command)

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """The operation's own flags, then the shared ones that it does not define itself."""
        own = {flag.name for flag in self.flags}
        return (*self.flags, *(flag for flag in CHANGING if flag.name not in own))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that the operation accepts."""
        return kinds_for(self.verb)


_UNSUPPORTED: Final = "it is not supported here"
_CONTAINERS: Final = Flag("containers", short="c")
_GRACE: Final = Flag("grace-period", Takes.NUMBER)
_SELECTOR: Final = Flag("selector", short="l")
"""Resolved to names when the action is filed (countersign.actions.selection)."""
_STDIN_OR_FILES: Final = "it would read what is not in the text"


def _not(
    name: str, why: str = _UNSUPPORTED, *, short: str = "", switch: bool = False, hint: str = "leave it out"
) -> Flag:
    return Flag(name, Takes.SWITCH if switch else Takes.TEXT, short, Use.REFUSED, why, hint)


_SUBRESOURCE: Final = _not("subresource", "status and scale belong to their controllers")
_SET: Final = (FIELD_MANAGER, LOCAL, RECORD)
_LIST: Final = _not("list", "it changes nothing", switch=True, hint="kubectl get TYPE/NAME -o yaml shows them")

CATALOGUE: Final[tuple[Entry, ...]] = (
    Entry(
        Verb.RESTART,
        ("rollout", "restart"),
        Arguments.OBJECTS,
        (FIELD_MANAGER, _SELECTOR),
        "kubectl rollout restart deployment/api -n prod",
        "Replaces the workload's pods one after the other.",
        several_kinds=True,
    ),
    Entry(
        Verb.UNDO,
        ("rollout", "undo"),
        Arguments.OBJECTS,
        (Flag("to-revision", Takes.NUMBER),),
        "kubectl rollout undo deployment/api --to-revision=3 -n prod",
        "Returns the workload to an earlier revision of its pod template.",
    ),
    Entry(
        Verb.PAUSE,
        ("rollout", "pause"),
        Arguments.OBJECTS,
        (FIELD_MANAGER,),
        "kubectl rollout pause deployment/api -n prod",
        "Stops a Deployment from rolling out further changes.",
    ),
    Entry(
        Verb.RESUME,
        ("rollout", "resume"),
        Arguments.OBJECTS,
        (FIELD_MANAGER,),
        "kubectl rollout resume deployment/api -n prod",
        "Lets a paused Deployment roll out again.",
    ),
    Entry(
        Verb.SCALE,
        ("scale",),
        Arguments.OBJECTS,
        (
            Flag("replicas", Takes.NUMBER),
            Flag("current-replicas", Takes.NUMBER),
            TIMEOUT_IGNORED,
            RECORD,
            RESOURCE_VERSION,
        ),
        "kubectl scale deployment/api --replicas=3 -n prod",
        "Sets the number of replicas.",
    ),
    Entry(
        Verb.DELETE,
        ("delete",),
        Arguments.OBJECTS,
        (
            _GRACE,
            Flag("force", Takes.SWITCH),
            Flag("now", Takes.SWITCH),
            Flag("wait", Takes.SWITCH, use=Use.IGNORED),
            TIMEOUT_IGNORED,
            Flag("ignore-not-found", Takes.SWITCH),
            Flag("cascade", Takes.OPTIONAL, use=Use.IGNORED, only=("", "true", "background")),
            _not("interactive", "nobody is there to answer", short="i", switch=True),
            _not("raw", "it would send a request of its own making"),
            _SELECTOR,
        ),
        "kubectl delete pod api-6d4cf56db6-x7k2p -n prod",
        "Deletes an object; a pod's controller makes a new one. All but pods and jobs need critical risk.",
    ),
    Entry(
        Verb.SET_IMAGE,
        ("set", "image"),
        Arguments.OBJECTS_AND_IMAGES,
        _SET,
        "kubectl set image deployment/api api=registry.example.com/api:1.4.2 -n prod",
        "Changes the image of named containers, or of all with *=IMAGE.",
    ),
    Entry(
        Verb.SET_ENV,
        ("set", "env"),
        Arguments.OBJECTS_AND_PAIRS,
        (
            _CONTAINERS,
            Flag("env", short="e", many=True),
            Flag("overwrite", Takes.SWITCH),
            *_SET,
            _LIST,
            _not("from", _STDIN_OR_FILES, hint="write KEY=VALUE"),
            _not("keys", _STDIN_OR_FILES),
            _not("prefix", _STDIN_OR_FILES),
            _not("resolve", _STDIN_OR_FILES, switch=True),
        ),
        "kubectl set env deployment/api LOG_LEVEL=debug FEATURE_X- -n prod",
        "Sets environment variables, and removes those written with a dash at the end.",
    ),
    Entry(
        Verb.SET_RESOURCES,
        ("set", "resources"),
        Arguments.OBJECTS,
        (_CONTAINERS, Flag("limits"), Flag("requests"), *_SET),
        "kubectl set resources deployment/api -c api --limits=cpu=500m,memory=512Mi -n prod",
        "Sets the containers' resource limits and requests.",
    ),
    Entry(
        Verb.CORDON,
        ("cordon",),
        Arguments.NODES,
        (),
        "kubectl cordon node-1",
        "Keeps new pods off a node.",
    ),
    Entry(
        Verb.UNCORDON,
        ("uncordon",),
        Arguments.NODES,
        (),
        "kubectl uncordon node-1",
        "Lets new pods onto a node again.",
    ),
    Entry(
        Verb.DRAIN,
        ("drain",),
        Arguments.NODES,
        (
            Flag("ignore-daemonsets", Takes.SWITCH),
            Flag("delete-emptydir-data", Takes.SWITCH),
            # The name before kubectl 1.20; runbooks and models still write it.
            Flag("delete-local-data", Takes.SWITCH),
            Flag("force", Takes.SWITCH),
            _GRACE,
            Flag("timeout", Takes.DURATION),
            _not("disable-eviction", "it would go around PodDisruptionBudgets", switch=True),
            _not("pod-selector", "a drain that leaves pods behind is not a drain"),
            _not("skip-wait-for-delete-timeout", "the pods' end is waited for"),
            Flag("chunk-size", Takes.NUMBER, use=Use.IGNORED),
        ),
        "kubectl drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=5m",
        "Cordons a node and evicts its pods, within their PodDisruptionBudgets.",
    ),
    Entry(
        Verb.PATCH,
        ("patch",),
        Arguments.OBJECTS,
        (
            Flag("patch", short="p"),
            Flag("type", only=tuple(PatchType)),
            FIELD_MANAGER,
            RECORD,
            LOCAL,
            _SUBRESOURCE,
            _not("patch-file", _STDIN_OR_FILES, hint="put the patch into the text: -p '{…}'"),
        ),
        """kubectl patch hpa api -p '{"spec":{"minReplicas":2,"maxReplicas":5}}' -n prod""",
        "Changes fields of a named object by a strategic, merge or JSON patch.",
    ),
    Entry(
        Verb.ANNOTATE,
        ("annotate",),
        Arguments.OBJECTS_AND_PAIRS,
        (Flag("overwrite", Takes.SWITCH), FIELD_MANAGER, RECORD, LOCAL, _LIST, RESOURCE_VERSION),
        "kubectl annotate deployment/api oncall=mei --overwrite -n prod",
        "Sets annotations, and removes those written with a dash at the end.",
    ),
    Entry(
        Verb.LABEL,
        ("label",),
        Arguments.OBJECTS_AND_PAIRS,
        (Flag("overwrite", Takes.SWITCH), FIELD_MANAGER, RECORD, LOCAL, _LIST, RESOURCE_VERSION),
        "kubectl label pod api-0 quarantine=true -n prod",
        "Sets labels, and removes those written with a dash at the end.",
    ),
    Entry(
        Verb.TAINT,
        ("taint",),
        Arguments.NODES_AND_TAINTS,
        (Flag("overwrite", Takes.SWITCH), FIELD_MANAGER),
        "kubectl taint nodes node-1 maintenance=disk:NoSchedule",
        "Sets taints on nodes, and removes those written with a dash at the end; NoExecute evicts pods.",
    ),
    Entry(
        Verb.CREATE_JOB,
        ("create", "job"),
        Arguments.JOB,
        (
            Flag("from"),
            _not("image", "it would run what nobody keeps", hint="make the job from a CronJob: --from=cronjob/NAME"),
            FIELD_MANAGER,
            Flag("save-config", Takes.SWITCH, use=Use.IGNORED),
            Flag("validate", Takes.OPTIONAL, use=Use.IGNORED),
        ),
        "kubectl create job report-by-hand --from=cronjob/report -n prod",
        "Makes a job from a CronJob's template, at once.",
    ),
)

_BY_VERB: Final = {entry.verb: entry for entry in CATALOGUE}
BY_COMMAND: Final = {entry.command: entry for entry in CATALOGUE}


def entry_for(verb: Verb) -> Entry:
    """Return the catalogue's entry for a verb; every verb has one."""
    return _BY_VERB[verb]
