"""Pure: what a read-only kubectl command may not reach, whatever the grammar let through."""

from collections.abc import Iterator, Sequence
from typing import Final

from countersign.errors import PolicyRefused
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

_ELSEWHERE: Final = frozenset(
    {
        "--kubeconfig", "--server", "--token", "--context", "--cluster", "--user", "--username", "--password",
        "--as", "--as-group", "--as-uid", "--as-user-extra", "--client-certificate", "--client-key",
        "--certificate-authority", "--tls-server-name", "--insecure-skip-tls-verify", "--proxy-url", "--raw",
        "--cache-dir", "--profile", "--profile-output", "--kuberc", "--filename", "--kustomize", "--watch",
        "--watch-only",
    }
)  # fmt: skip
# Short flags of the read-only commands that take a value; in a cluster (-oyaml) the rest is that value.
_SHORT_WITH_VALUE: Final = "ncolLfkstv"
_SHORT_ELSEWHERE: Final = {"s": "--server", "f": "--filename", "k": "--kustomize", "w": "--watch"}
_LONG_WITH_VALUE: Final = frozenset(
    {
        "--namespace", "--output", "--selector", "--field-selector", "--container", "--tail", "--since",
        "--since-time", "--limit-bytes", "--label-columns", "--sort-by", "--template", "--types", "--for",
        "--chunk-size", "--revision", "--max-log-requests", "--timeout", "--request-timeout", "--api-version",
        "--api-group", "--verbs", "--subresource", "--pod-running-timeout",
    }
)  # fmt: skip
_SECRETS: Final = ("secret", "secrets")
_CONTENT_FREE_OUTPUTS: Final = frozenset({"", "wide", "name"})


def refuse_outside(argv: Sequence[str], settings: ClusterSettings) -> None:
    """Raise PolicyRefused for a flag that leaves the cluster, a foreign namespace, or a secret's content."""
    flags = list(_flags(argv))
    for name, _ in flags:
        if name in _ELSEWHERE:
            raise PolicyRefused(f"kubectl {name} is not allowed in an investigation", hint=f"leave {name} out")
    outputs = [value for name, value in flags if name in ("--output", "--template")]
    if _reads_secrets(argv) and any(value not in _CONTENT_FREE_OUTPUTS for value in outputs):
        raise PolicyRefused(
            "an investigation must not print the content of secrets", hint="leave -o out: names and sizes are shown"
        )
    allowed = settings.allowed_namespaces
    if not allowed:
        return
    if any(name == "--all-namespaces" and value != "false" for name, value in flags):
        raise PolicyRefused(
            f"all namespaces of cluster {settings.name} may not be read at once", hint=f"-n {' or -n '.join(allowed)}"
        )
    named = [value for name, value in flags if name == "--namespace"] or [settings.default_namespace]
    for namespace in named:
        if namespace not in allowed:
            raise PolicyRefused(
                f"namespace {namespace} is not allowed on cluster {settings.name}",
                hint=f"allowed namespaces: {', '.join(allowed)}",
            )


def _flags(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (long name, value) of every flag; short clusters are taken apart as kubectl does."""
    words = list(argv)
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            return
        if word.startswith("--"):
            name, equals, value = word.partition("=")
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


def _long(letter: str) -> str:
    known = {"n": "--namespace", "A": "--all-namespaces", "o": "--output", **_SHORT_ELSEWHERE}
    return known.get(letter, f"-{letter}")


def _reads_secrets(argv: Sequence[str]) -> bool:
    for word in argv:
        if word.startswith("-"):
            continue
        for part in word.lower().split(","):
            if part.split("/", maxsplit=1)[0].split(".", maxsplit=1)[0] in _SECRETS:
                return True
    return False
