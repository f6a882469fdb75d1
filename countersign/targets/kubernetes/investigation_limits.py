"""Pure: what a read-only kubectl command may not reach, whatever the grammar let through."""

from collections.abc import Iterator, Sequence
from typing import Final

from countersign.actions.evidence_rules import why_secret, why_template
from countersign.errors import ForbiddenReading
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

_ELSEWHERE: Final = frozenset(
    {
        "--kubeconfig", "--server", "--token", "--context", "--cluster", "--user", "--username", "--password",
        "--as", "--as-group", "--as-uid", "--as-user-extra", "--client-certificate", "--client-key",
        "--certificate-authority", "--tls-server-name", "--insecure-skip-tls-verify", "--proxy-url", "--raw",
        "--cache-dir", "--profile", "--profile-output", "--kuberc", "--filename", "--kustomize", "--watch",
        "--watch-only", "--v", "--vmodule",
    }
)  # fmt: skip
# Short flags of the read-only commands that take a value; in a cluster (-oyaml) the rest is that value.
_SHORT_WITH_VALUE: Final = "ncolLfkstv"
_SHORT_ELSEWHERE: Final = {"s": "--server", "f": "--filename", "k": "--kustomize", "w": "--watch", "v": "--v"}
_LONG_WITH_VALUE: Final = frozenset(
    {
        "--namespace", "--output", "--selector", "--field-selector", "--container", "--tail", "--since",
        "--since-time", "--limit-bytes", "--label-columns", "--sort-by", "--template", "--types", "--for",
        "--chunk-size", "--revision", "--max-log-requests", "--timeout", "--request-timeout", "--api-version",
        "--api-group", "--verbs", "--subresource", "--pod-running-timeout",
    }
)  # fmt: skip


def refuse_outside(argv: Sequence[str], settings: ClusterSettings) -> None:
    """Raise ForbiddenReading for a flag that leaves the cluster, a foreign namespace, or a secret's content."""
    arguments: list[str] = []
    flags = list(_flags(argv, arguments))
    for name, value in flags:
        if name in _ELSEWHERE and not (name == "--watch" and value == "false"):
            raise ForbiddenReading(f"kubectl {name} is not allowed in an investigation", hint=f"leave {name} out")
    given: dict[str, list[str]] = {}
    for name, value in flags:
        given.setdefault(name.removeprefix("--"), []).append(value)
    if why := why_secret(arguments[0] if arguments else "", arguments[1:], given):
        raise ForbiddenReading(
            f"an investigation must not show the content of secrets: {why}",
            hint="kubectl get secrets lists names, types and the numbers of their keys",
        )
    if why := why_template(given):
        raise ForbiddenReading(f"the template of the investigation is refused: {why}", hint="use -o json")
    allowed = settings.allowed_namespaces
    if not allowed:
        return
    if any(name == "--all-namespaces" and value != "false" for name, value in flags):
        raise ForbiddenReading(
            f"all namespaces of cluster {settings.name} may not be read at once", hint=f"-n {' or -n '.join(allowed)}"
        )
    named = [value for name, value in flags if name == "--namespace"] or [settings.default_namespace]
    for namespace in named:
        if namespace not in allowed:
            raise ForbiddenReading(
                f"namespace {namespace} is not allowed on cluster {settings.name}",
                hint=f"allowed namespaces: {', '.join(allowed)}",
            )


def _flags(argv: Sequence[str], arguments: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (long name, value) of every flag and append to `arguments` what is none.

    Short clusters are taken apart as kubectl does (spf13/pflag), and _ in a long name is - as there
    (cliflag.WordSepNormalizeFunc). The word after a flag that is not known to take a value is an argument.
    """
    words = list(argv)
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            arguments.extend(words[index:])
            return
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            name = name.replace("_", "-")
            if not equals and name in _LONG_WITH_VALUE and index < len(words):
                value = words[index]
                index += 1
            yield name, value
        elif word.startswith("-") and len(word) > 1:
            for position, letter in enumerate(word[1:], start=1):
                if letter not in _SHORT_WITH_VALUE:
                    yield _long(letter), ""
                    continue
                value = word[position + 1 :].removeprefix("=")
                if not value and index < len(words):
                    value = words[index]
                    index += 1
                yield _long(letter), value
                break
        else:
            arguments.append(word)


def _long(letter: str) -> str:
    known = {"n": "--namespace", "A": "--all-namespaces", "o": "--output", **_SHORT_ELSEWHERE}
    return known.get(letter, f"-{letter}")
