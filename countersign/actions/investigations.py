"""Read-only kubectl: which subcommands may run, with which flags, and why others may not.

What is accepted here is run by the real binary and its output is kept as evidence. So nothing that writes
files, never ends, acts as somebody else, reaches elsewhere or prints the contents of a Secret is accepted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from countersign.actions.common_flags import CLUSTER_FLAGS, FILES, GLOBAL
from countersign.actions.contexts import named_cluster
from countersign.actions.evidence_rules import why_secret, why_template
from countersign.actions.flags import Flag, Given, Takes, Use, read_flags
from countersign.actions.operation import Investigation
from countersign.actions.values import namespace, whole_number
from countersign.actions.words import Word
from countersign.errors import ForbiddenAction, ParseFailure


@dataclass(frozen=True)
class ReadCommand:
    """One read-only subcommand."""

    command: tuple[str, ...]
    flags: tuple[Flag, ...]
    example: str
    description: str
    least: int = 0
    """Arguments it needs at least."""

    @property
    def written(self) -> str:
        """The command as people say it."""
        return "kubectl " + " ".join(self.command)

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """The command's own flags, then the shared ones that it does not define itself."""
        own = {flag.name for flag in self.flags}
        shorts = {flag.short for flag in self.flags if flag.short}
        shared = (flag for flag in (*GLOBAL, *FILES) if flag.name not in own)
        return (*self.flags, *(_without_short(flag) if flag.short in shorts else flag for flag in shared))


def _without_short(flag: Flag) -> Flag:
    return replace(flag, short="")


def _switches(*names: str) -> tuple[Flag, ...]:
    return tuple(Flag(name, Takes.SWITCH) for name in names)


def _texts(*names: str) -> tuple[Flag, ...]:
    return tuple(Flag(name, many=True) for name in names)


def _no(name: str, why: str, *, short: str = "", switch: bool = True, hint: str | None = None) -> Flag:
    return Flag(name, Takes.SWITCH if switch else Takes.TEXT, short, Use.REFUSED, why, hint)


_WATCH: Final = (
    _no("watch", "it would not end", short="w", hint="leave it out: one answer is kept as evidence"),
    _no("watch-only", "it would not end"),
    _no("output-watch-events", "it belongs to --watch"),
)
_RAW: Final = Flag(
    "raw",
    use=Use.REFUSED,
    why="it would send a request of its own making",
    hint="kubectl get TYPE NAME -o yaml",
    reaches=True,
)
_OUTPUT: Final = Flag("output", short="o")
_SELECTOR: Final = Flag("selector", short="l")
_ALL_NAMESPACES: Final = Flag("all-namespaces", Takes.SWITCH, "A")
_PRINTED: Final = (_OUTPUT, Flag("template"), *_switches("allow-missing-template-keys", "show-managed-fields"))
_TIMEOUT: Final = Flag("timeout", Takes.DURATION)

READ_COMMANDS: Final[tuple[ReadCommand, ...]] = (
    ReadCommand(
        ("get",),
        (
            *_PRINTED,
            *_WATCH,
            _RAW,
            _SELECTOR,
            _ALL_NAMESPACES,
            Flag("label-columns", short="L", many=True),
            *_switches("no-headers", "show-kind", "show-labels", "ignore-not-found", "server-print"),
            *_texts("field-selector", "sort-by", "chunk-size", "subresource"),
        ),
        "kubectl get pods -n prod -o wide",
        "Lists objects, or shows one.",
        least=1,
    ),
    ReadCommand(
        ("describe",),
        (_SELECTOR, _ALL_NAMESPACES, *_switches("show-events"), *_texts("chunk-size")),
        "kubectl describe deployment/api -n prod",
        "Shows an object with its events.",
        least=1,
    ),
    ReadCommand(
        ("logs",),
        (
            _no("follow", "it would not end", short="f", hint="use --tail=200 or --since=10m"),
            _no("insecure-skip-tls-verify-backend", "the kubelet's certificate must be checked"),
            _SELECTOR,
            Flag("container", short="c"),
            Flag("previous", Takes.SWITCH, "p"),
            *_switches("all-containers", "all-pods", "ignore-errors", "prefix", "timestamps"),
            *_texts("limit-bytes", "max-log-requests", "pod-running-timeout", "since", "since-time", "tail"),
        ),
        "kubectl logs deployment/api -n prod --tail=200",
        "Shows what a container printed.",
    ),
    *(
        ReadCommand(
            ("top", word),
            (
                _SELECTOR,
                _ALL_NAMESPACES,
                *_switches("containers", "no-headers", "sum", "show-capacity", "show-swap", "use-protocol-buffers"),
                *_texts("field-selector", "sort-by"),
            ),
            f"kubectl top {word}",
            "Shows how much CPU and memory is used.",
        )
        for word in ("pod", "pods", "po", "node", "nodes", "no")
    ),
    ReadCommand(
        ("events",),
        (*_PRINTED, *_WATCH, _ALL_NAMESPACES, *_texts("for", "types", "chunk-size"), *_switches("no-headers")),
        "kubectl events -n prod --types=Warning",
        "Lists events.",
    ),
    ReadCommand(
        ("explain",),
        (
            Flag("recursive", Takes.SWITCH, "R"),
            Flag("output", short="o", only=("plaintext", "plaintext-openapiv2")),
            *_texts("api-version", "max-depth"),
        ),
        "kubectl explain deployment.spec.strategy",
        "Explains a field.",
        least=1,
    ),
    ReadCommand(
        ("rollout", "status"),
        (
            # Its watching ends with the rollout or with --timeout; the time limit of investigations holds too.
            Flag("watch", Takes.SWITCH, "w", Use.REFUSED, "it would wait without end", "write --watch=false"),
            _TIMEOUT,
            _SELECTOR,
            *_texts("revision"),
        ),
        "kubectl rollout status deployment/api -n prod --timeout=20s",
        "Tells how far a rollout is.",
        least=1,
    ),
    ReadCommand(
        ("rollout", "history"),
        (*_PRINTED, _SELECTOR, *_texts("revision")),
        "kubectl rollout history deployment/api -n prod",
        "Lists a workload's revisions.",
        least=1,
    ),
    ReadCommand(
        ("auth", "can-i"),
        (
            _ALL_NAMESPACES,
            *_switches("list", "no-headers"),
            Flag("quiet", Takes.SWITCH, "q"),
            *_texts("subresource"),
        ),
        "kubectl auth can-i delete pods -n prod",
        "Tells what the credentials in use may do.",
    ),
    ReadCommand(("auth", "whoami"), _PRINTED, "kubectl auth whoami", "Tells whose credentials are in use."),
    ReadCommand(
        ("wait",),
        (
            *_PRINTED,
            _SELECTOR,
            _ALL_NAMESPACES,
            _TIMEOUT,
            *_switches("all"),
            *_texts("for", "field-selector"),
        ),
        "kubectl wait deployment/api --for=condition=Available --timeout=20s -n prod",
        "Waits for a condition, within the time limit of investigations.",
        least=1,
    ),
    ReadCommand(("version",), (*_switches("client"), _OUTPUT), "kubectl version", "Shows versions."),
    ReadCommand(
        ("api-resources",),
        (
            _OUTPUT,
            *_switches("cached", "namespaced", "no-headers", "show-managed-fields"),
            *_texts("api-group", "categories", "sort-by", "verbs"),
        ),
        "kubectl api-resources",
        "Lists the kinds that the cluster knows.",
    ),
    ReadCommand(("api-versions",), (), "kubectl api-versions", "Lists the API's versions."),
    ReadCommand(("cluster-info",), (), "kubectl cluster-info", "Shows the addresses of the control plane."),
)

READ_BY_COMMAND: Final = {entry.command: entry for entry in READ_COMMANDS}

_OUTPUTS: Final = {
    "wide",
    "name",
    "json",
    "yaml",
    "kyaml",
    "go-template",
    "template",
    "jsonpath",
    "jsonpath-as-json",
    "custom-columns",
}
_LIMIT_WORDS: Final = 64
_EXPANDABLE: Final = ("output", "template", "sort-by", "for")


def read_investigation(entry: ReadCommand, rest: Sequence[Word]) -> Investigation:
    """Return the investigation that `entry` with the words `rest` (flags and arguments) is.

    Raises ParseFailure naming the flag or argument that is not allowed.
    """
    given = read_flags(rest, entry.all_flags, command=entry.written, example=entry.example)
    if len(given.arguments) < entry.least:
        raise ParseFailure(f"{entry.written} lacks an argument", hint=f"for example: {entry.example}")
    if len(rest) > _LIMIT_WORDS:
        raise ParseFailure(
            f"{entry.written} has more than {_LIMIT_WORDS} words", hint=f"for example: {entry.example}"
        )
    if entry.command == ("cluster-info",) and given.arguments:
        raise ForbiddenAction(
            "kubectl cluster-info takes no arguments here; dump would write files", hint="leave it out"
        )
    if entry.command == ("logs",) and not given.arguments and given.text("selector") is None:
        raise ParseFailure("kubectl logs names no pod", hint=f"for example: {entry.example}")
    if (found := given.text("namespace")) is not None:
        namespace(found)
    for name in ("tail", "limit-bytes", "max-log-requests"):
        if (text := given.text(name)) is not None and text != "-1":
            whole_number(text, of=f"--{name}")
    _refuse_patterns(rest, given)
    _check_output(entry, given)
    named = named_cluster(given)
    # The document that kubectl gets has one context, by whatever name.
    without = {place for name in CLUSTER_FLAGS for place in given.places.get(name, ())}
    words = (word.text for place, word in enumerate(rest) if place not in without)
    return Investigation((*entry.command, *words), named)


def _refuse_patterns(rest: Sequence[Word], given: Given) -> None:
    """Refuse what a shell would expand; templates are often written without quotes and mean themselves."""
    meant = [text for name in _EXPANDABLE for text in given.values.get(name, ())]
    for word in rest:
        if word.glob and not any(text and word.text.endswith(text) for text in meant):
            raise ParseFailure(
                f"{word.text[:60]!r} is a pattern that a shell would expand", hint="name the object, or use -l"
            )


def _check_output(entry: ReadCommand, given: Given) -> None:
    output = given.text("output")
    form = (output or "").partition("=")[0]
    if entry.command != ("explain",) and output is not None and form not in _OUTPUTS:
        why = "it would read a file" if form.endswith("file") else "it is not a known form"
        kind = ForbiddenAction if form.endswith("file") else ParseFailure
        raise kind(f"-o {form[:40]!r} is refused: {why}", hint="use -o wide, name, json, yaml or jsonpath='{…}'")
    if refusal := why_secret(entry.command[0], (word.text for word in given.arguments), given.values):
        raise ForbiddenAction(
            f"{entry.written} on a Secret is refused, since the output is kept as evidence: {refusal}",
            hint="kubectl get secrets lists names, types and the numbers of their keys",
        )
    if refusal := why_template(given.values):
        raise ForbiddenAction(
            f"the template of {entry.written} is refused: {refusal}", hint="use -o json or a plain jsonpath"
        )
