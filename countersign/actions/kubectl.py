"""One kubectl command line: which subcommand it is, and what it reads to."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from countersign.actions.as_patch import is_a_patch
from countersign.actions.catalogue import BY_COMMAND, CATALOGUE, Arguments, Entry
from countersign.actions.common_flags import GLOBAL
from countersign.actions.contexts import named_cluster
from countersign.actions.custom_kinds import is_custom
from countersign.actions.flags import Flag, Takes, Use, read_flags
from countersign.actions.investigations import READ_BY_COMMAND, READ_COMMANDS, read_investigation
from countersign.actions.kinds import kind_called
from countersign.actions.objects import read_objects, source_of_job, split_pairs, split_taints
from countersign.actions.operation import Investigation, KubernetesOperation, PatchParameters, PatchType
from countersign.actions.parameters import read_parameters
from countersign.actions.selection import NotNamedYet, Selection, check_selectable, read_selector
from countersign.actions.values import namespace
from countersign.actions.words import Word
from countersign.errors import ParseFailure

COMMANDS: Final = (*BY_COMMAND, *READ_BY_COMMAND)
_GROUPS: Final = frozenset(command[0] for command in COMMANDS if len(command) > 1)
_EXAMPLES: Final = {entry.command: entry.example for entry in CATALOGUE} | {
    entry.command: entry.example for entry in READ_COMMANDS
}

_REFUSED: Final[dict[str, tuple[str, str | None]]] = {
    "alpha": ("it is experimental", None),
    "argo": ("it is a plugin", "kubectl patch rollout NAME --type=merge -p '{…}' where the policy allows it"),
    "apply": ("it needs files", "kubectl patch changes fields of a named object"),
    "attach": ("it opens a terminal", "kubectl logs shows what the container printed"),
    "autoscale": (
        "it makes a new HorizontalPodAutoscaler",
        """to change the bounds: kubectl patch hpa NAME -p '{"spec":{"minReplicas":2,"maxReplicas":5}}'""",
    ),
    "certificate": ("it grants credentials", None),
    "config": ("the cluster and its credentials are those of a cluster block", "--context NAME says which"),
    "cp": ("it copies files", "kubectl logs shows what the container printed"),
    "create": (
        "it makes new objects",
        "kubectl create job NAME --from=cronjob/NAME is possible; kubectl patch changes fields of a named object",
    ),
    "debug": ("it opens a terminal", "kubectl describe and kubectl logs are possible"),
    "diff": ("it needs files", "kubectl get TYPE/NAME -o yaml shows the object"),
    "edit": ("it opens an editor", "kubectl patch changes fields of a named object"),
    "exec": ("it runs a program inside a container", "kubectl logs and kubectl describe are possible"),
    "expose": ("it makes new objects", None),
    "kustomize": ("it needs files", None),
    "plugin": ("it runs other programs", None),
    "port-forward": ("it opens a port", None),
    "proxy": ("it opens a port", None),
    "replace": ("it needs files", "kubectl patch changes fields of a named object"),
    "run": ("it makes new objects", None),
}

_MEANT: Final = {
    "restart": "kubectl rollout restart deployment/NAME",
    "reload": "kubectl rollout restart deployment/NAME",
    "rollback": "kubectl rollout undo deployment/NAME",
    "undo": "kubectl rollout undo deployment/NAME",
    "pause": "kubectl rollout pause deployment/NAME",
    "resume": "kubectl rollout resume deployment/NAME",
    "status": "kubectl rollout status deployment/NAME",
    "history": "kubectl rollout history deployment/NAME",
    "stop": "kubectl scale deployment/NAME --replicas=0",
    "kill": "kubectl delete pod NAME",
    "remove": "kubectl delete pod NAME",
    "rm": "kubectl delete pod NAME",
    "resize": "kubectl scale deployment/NAME --replicas=3",
    **dict.fromkeys(("log", "tail", "stern", "print"), "kubectl logs deployment/NAME --tail=200"),
    **dict.fromkeys(("list", "ls", "ps", "find", "watch", "check", "count", "search"), "kubectl get pods"),
    **dict.fromkeys(
        ("show", "view", "inspect", "read", "cat", "info", "details", "desc", "dump", "examine"),
        "kubectl describe deployment/NAME",
    ),
    **dict.fromkeys(("usage", "stats", "monitor", "metrics"), "kubectl top pods"),
    "image": "kubectl set image deployment/NAME CONTAINER=IMAGE",
    "env": "kubectl set env deployment/NAME KEY=VALUE",
    "evict": "kubectl delete pod NAME",
}

_SPELLING: Final = 0.75
"""How alike two words are of which one is the other, mistyped; less alike are different words."""

CHANGING_WORDS: Final = frozenset(
    {command[0] for command in BY_COMMAND if len(command) == 1}
    | {command[1] for command in BY_COMMAND if len(command) > 1}
    | {"set"}
    | (set(_REFUSED) - {"config", "diff", "kustomize", "plugin", "alpha"})
    | {"kill", "remove", "rm", "stop", "rollback", "evict"}
)
"""First or second words after `kubectl` that change something."""
READING_WORDS: Final = frozenset({command[0] for command in READ_BY_COMMAND} - {"rollout"}) | {"status", "history"}


def read_kubectl(words: Sequence[Word]) -> KubernetesOperation | Investigation:
    """Read the words after `kubectl`. Raises ParseFailure with the nearest command that would have parsed."""
    for word in words:
        if word.text == "kubectl" and not word.quoted:
            raise ParseFailure("there is a second command", hint="file each command as its own approval")
    command, rest = _subcommand(words)
    entry = BY_COMMAND.get(command)
    if entry is not None:
        return _read_operation(entry, rest)
    return read_investigation(READ_BY_COMMAND[command], rest)


def _subcommand(words: Sequence[Word]) -> tuple[tuple[str, ...], list[Word]]:
    """Return the subcommand and all other words; global flags may stand before and inside it, as in kubectl."""
    rest: list[Word] = []
    command: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word.text == "--":
            # After it kubectl sees no subcommand, whatever stands there.
            raise ParseFailure(
                f"kubectl {' '.join([*command, '--'])} says nothing to do: after -- there are no commands",
                hint="leave out --, or write it before the names: kubectl delete pod -- NAME",
            )
        if word.text.startswith("-"):
            rest.append(word)
            if _takes_next(word.text) and position < len(words):
                rest.append(words[position])
                position += 1
            continue
        command.append(word.text)
        if len(command) == 1 and word.text in _GROUPS:
            continue
        if tuple(command) in COMMANDS:
            return tuple(command), [*rest, *words[position:]]
        raise is_a_patch(command, [*rest, *words[position:]]) or _unknown(command)
    if rest and not command:
        # Names the flag that is refused, if that is what is wrong.
        read_flags(rest, GLOBAL, command="kubectl", example=CATALOGUE[0].example)
    raise ParseFailure(
        f"kubectl {' '.join(command)} says nothing to do".replace("  ", " "), hint=_hint_for_group(command)
    )


def _takes_next(text: str) -> bool:
    """Tell whether a global flag standing before the subcommand takes the following word as its value."""
    if "=" in text:
        return False
    long = text[2:].replace("_", "-") if text.startswith("--") else ""
    for flag in GLOBAL:
        if long == flag.name or (flag.short and text == f"-{flag.short}"):
            if flag.use is Use.REFUSED:
                _refuse_global(flag)
            return flag.takes not in (Takes.SWITCH, Takes.OPTIONAL)
    return False


def _refuse_global(flag: Flag) -> None:
    raise ParseFailure(f"--{flag.name} is refused on kubectl: {flag.why}", hint=flag.hint)


def _unknown(command: Sequence[str]) -> ParseFailure:
    first, last = command[0], command[-1]
    written = " ".join(command)[:60]
    if first in _REFUSED and (len(command) == 1 or first == "create"):
        why, hint = _REFUSED[first]
        return ParseFailure(f"kubectl {first} is refused: {why}", hint=hint)
    if command[0] == "auth" and last == "reconcile":
        return ParseFailure("kubectl auth reconcile is refused: it changes permissions")
    if len(command) == 1 and first in _MEANT:
        return ParseFailure(f"kubectl has no command {first!r}", hint=f"did you mean: {_MEANT[first]}?")
    if len(command) > 1:
        same = [known for known in COMMANDS if known[0] == first]
        near = get_close_matches(last[:40], [known[1] for known in same], n=1, cutoff=_SPELLING)
        hint = f"did you mean: {_EXAMPLES[(first, near[0])]}?" if near else _hint_for_group([first])
        return ParseFailure(f"kubectl {written} is not supported", hint=hint)
    firsts = [known[0] for known in COMMANDS]
    near = get_close_matches(first[:40], [*firsts, *_MEANT], n=1, cutoff=_SPELLING)
    if near:
        example = _MEANT.get(near[0]) or next(_EXAMPLES[known] for known in COMMANDS if known[0] == near[0])
        return ParseFailure(
            f"kubectl has no command {first[:40]!r} that is supported here", hint=f"did you mean: {example}?"
        )
    return ParseFailure(
        f"kubectl has no command {first[:40]!r} that is supported here", hint=f"possible: {_possible()}"
    )


def _hint_for_group(command: Sequence[str]) -> str:
    if command:
        known = [" ".join(other) for other in COMMANDS if other[0] == command[0]]
        return "possible: " + ", ".join(f"kubectl {text}" for text in known)
    return f"possible: {_possible()}"


def _possible() -> str:
    return (
        ", ".join(" ".join(command) for command in BY_COMMAND) + ", and read-only: get, describe, logs, top, events"
    )


def _read_operation(entry: Entry, rest: Sequence[Word]) -> KubernetesOperation:
    given = read_flags(rest, entry.all_flags, command=entry.written, example=entry.example)
    _refuse_patterns(rest, entry)
    arguments: list[Word] = given.arguments
    pairs: list[Word] = []
    if entry.arguments in (Arguments.OBJECTS_AND_PAIRS, Arguments.OBJECTS_AND_IMAGES):
        arguments, pairs = split_pairs(arguments)
    elif entry.arguments is Arguments.NODES_AND_TAINTS:
        arguments, pairs = split_taints(arguments)
    elif entry.arguments is Arguments.JOB:
        arguments, pairs = source_of_job(arguments, given, entry)
    selector = read_selector(arguments, given, entry)
    if selector is not None:
        # One stands for all until they are named.
        arguments = [*arguments, Word("x")]
    first, *others = read_objects(arguments, entry)
    found = given.text("namespace")
    named = namespace(found) if found is not None else None
    operation = KubernetesOperation(
        verb=entry.verb,
        kind=first.kind,
        names=first.names,
        # kubectl accepts -n for a Node and does not use it.
        namespace=named if kind_called(first.kind).namespaced else None,
        parameters=read_parameters(entry, given, pairs),
        version=first.version,
        also=tuple(others),
        cluster=named_cluster(given),
    )
    if is_custom(operation.kind):
        check_custom(operation)
    if selector is not None:
        check_selectable(operation.kind, entry)
        raise NotNamedYet(Selection(replace(operation, names=()), selector))
    return operation


def check_custom(operation: KubernetesOperation) -> None:
    """Raise ParseFailure for a patch that a custom resource cannot have: the API server merges only."""
    parameters = operation.parameters
    if isinstance(parameters, PatchParameters) and parameters.type is not PatchType.MERGE:
        raise ParseFailure(
            f"a custom resource ({operation.kind}) is patched with --type=merge alone, not {parameters.type}",
            hint="add --type=merge, and write lists whole",
        )


def _refuse_patterns(words: Sequence[Word], entry: Entry) -> None:
    """Refuse what a shell would expand. kubectl's own * for all containers is often written without quotes."""
    for word in words:
        all_containers = word.text in ("*", "-c=*", "--containers=*") or (
            entry.arguments is Arguments.OBJECTS_AND_IMAGES and word.text.startswith("*=")
        )
        if word.glob and not all_containers:
            raise ParseFailure(
                f"{word.text[:60]!r} has a pattern that a shell would expand",
                hint="name the objects, and put values in single quotes",
            )
